use std::time::Duration;

use crate::engine::LogStream;

/// What the process of an image does when it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    /// Why the engine cannot start it; `None`: it can.
    pub start_error: Option<String>,
    /// It ends by itself; `None`: it runs until it is stopped.
    pub exit: Option<Exit>,
    /// The code with which it ends when it is asked to stop.
    pub stop_code: i64,
    /// Probes that fail after each start before one succeeds; `None`: none ever does.
    pub failing_probes: Option<u32>,
    /// Time between two probes of the engine's own, whatever the container's specification asks for.
    pub probe_interval: Duration,
    /// What it writes at each start.
    pub output: Vec<(LogStream, String)>,
    /// Commands run in it with their exit code and output; all others end with 0 and are silent.
    pub commands: Vec<(Vec<String>, i64, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exit {
    pub after: Duration,
    pub code: i64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            start_error: None,
            exit: None,
            stop_code: 143,
            failing_probes: Some(0),
            probe_interval: Duration::from_millis(1),
            output: Vec::new(),
            commands: Vec::new(),
        }
    }
}

impl Behaviour {
    /// Ends right after the start.
    pub fn exits(code: i64) -> Behaviour {
        Behaviour {
            exit: Some(Exit {
                after: Duration::from_millis(1),
                code,
            }),
            ..Behaviour::default()
        }
    }

    /// Healthy after this many failed probes.
    pub fn healthy_after(probes: u32) -> Behaviour {
        Behaviour {
            failing_probes: Some(probes),
            ..Behaviour::default()
        }
    }

    /// Runs, but every probe fails.
    pub fn never_healthy() -> Behaviour {
        Behaviour {
            failing_probes: None,
            ..Behaviour::default()
        }
    }

    /// Cannot be started.
    pub fn fails_to_start(why: &str) -> Behaviour {
        Behaviour {
            start_error: Some(why.to_owned()),
            ..Behaviour::default()
        }
    }
}
