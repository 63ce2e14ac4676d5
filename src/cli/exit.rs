//! The exit codes, documented in the README and in `wharf --help`.

use std::process::ExitCode;

use crate::engine::{EngineError, ErrorKind};

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    pub const OK: Exit = Exit(0);
    /// A bug in wharf.
    pub const BUG: Exit = Exit(1);
    /// The command line is wrong.
    pub const USAGE: Exit = Exit(2);
    /// The project's files are wrong.
    pub const PROJECT: Exit = Exit(3);
    /// `plan --detailed-exitcode`: there are changes.
    pub const CHANGES: Exit = Exit(4);
    /// Something could not be built, started, stopped or removed.
    pub const APPLY: Exit = Exit(5);
    /// The infrastructure of a test run failed, not a test.
    pub const INFRASTRUCTURE: Exit = Exit(6);
    /// No engine answers.
    pub const ENGINE: Exit = Exit(7);
    /// The tests took longer than they may; the code of coreutils' `timeout`.
    pub const TIMEOUT: Exit = Exit(124);
    /// Ctrl-C or SIGTERM.
    pub const INTERRUPTED: Exit = Exit(130);

    /// The code of a command that ran in a container; codes beyond 255 end as 255.
    pub fn of_command(code: i64) -> Exit {
        Exit(u8::try_from(code.rem_euclid(256)).unwrap_or(255))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

/// Why a verb ended without its result. What is to be said is in the value; `main` prints it and ends with its code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// The findings have been printed.
    #[error("the project has errors")]
    Project,
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The message is complete; advice is part of it.
    #[error("{0}")]
    Apply(String),
    /// As `Apply`, with everything said already.
    #[error("it failed")]
    Told,
    /// What a test run stands on failed.
    #[error("{0}")]
    Infrastructure(String),
    #[error("interrupted")]
    Interrupted,
    /// As `Usage` or `Apply`, where programs that call wharf as `docker-compose` look for words of Compose.
    #[error("{message}")]
    Worded {
        message: String,
        /// What Compose says.
        compose: String,
        exit: Exit,
    },
    #[error(transparent)]
    Bug(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code under the name of Compose, which knows one for all failures.
    pub fn exit_of_compose(&self) -> Exit {
        match self {
            Failure::Interrupted => Exit::INTERRUPTED,
            _ => Exit(1),
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Failure::Worded { exit, .. } => *exit,
            Failure::Usage(_) => Exit::USAGE,
            Failure::Project => Exit::PROJECT,
            Failure::Engine(error) if error.kind == ErrorKind::Unreachable => Exit::ENGINE,
            Failure::Engine(_) | Failure::Apply(_) | Failure::Told => Exit::APPLY,
            Failure::Infrastructure(_) => Exit::INFRASTRUCTURE,
            Failure::Interrupted => Exit::INTERRUPTED,
            Failure::Bug(_) => Exit::BUG,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_answer_has_its_own_code() {
        let gone = EngineError::new(ErrorKind::Unreachable, "no engine answers");
        assert_eq!(Failure::from(gone).exit(), Exit::ENGINE);
        let refused = EngineError::new(ErrorKind::Conflict, "name taken");
        assert_eq!(Failure::from(refused).exit(), Exit::APPLY);
    }

    #[test]
    fn a_commands_code_is_kept() {
        assert_eq!(Exit::of_command(137), Exit(137));
        assert_eq!(Exit::of_command(-1), Exit(255));
    }
}
