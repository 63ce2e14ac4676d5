//! Services that another program provides: a database in the cloud, a tunnel. The program is called with `compose up` and tells
//! what it does, and which variables those who depend on it get, in lines of JSON.
//! <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#provider>

mod call;
mod line;
mod variables;

pub use call::{Call, ProviderError, Verb};
pub use line::Line;
pub use variables::hand_over;
