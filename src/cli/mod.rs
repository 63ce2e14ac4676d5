//! The command line: one file a verb. `context` is the composition root, `exit` the exit codes.

mod exit;

pub use exit::{Exit, Failure};

pub fn main() -> std::process::ExitCode {
    Exit::OK.into()
}
