use super::ports::OpenPort;
use crate::apply::Event;
use crate::engine::StreamChunk;
use crate::plan::Plan;

/// What happens in a job, for those who watch.
pub enum Told<'e> {
    /// A plan is about to be applied.
    Plan(&'e Plan),
    Applying(&'e Event),
    /// Ports of the services that can be reached from outside.
    Ports(&'e [OpenPort]),
    /// Output of the tests.
    Output(&'e StreamChunk),
    /// The tests failed with this code and are run again, for the so-many-th time.
    Again {
        exit_code: i64,
        attempt: u32,
        of: u32,
    },
    /// Declared artifacts that the tests have not left.
    Missing(&'e [String]),
    Warning(String),
}
