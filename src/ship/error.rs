use std::io;
use std::path::{Path, PathBuf};

use crate::apply::ApplyError;
use crate::engine::{EngineError, ErrorKind, chain};
use crate::plan::PlanError;

/// Why an env could not be shipped to a server.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The connection broke; what was sent stays on the server for the next try.
    #[error("the connection broke: {0}")]
    Cut(String),
    /// It cannot work, and nothing was sent. The message is complete; advice is part of it.
    #[error("{0}")]
    Refused(String),
    /// A command on the server failed.
    #[error("cannot {action} on the server: {said}")]
    Server { action: &'static str, said: String },
    /// What arrived is not what was sent.
    #[error(
        "the image of `{service}` is not the same on the server: sent {sent}, there is {there}"
    )]
    Differs {
        service: String,
        sent: String,
        there: String,
    },
    #[error("cannot read the images of this machine's engine: {0}")]
    Images(io::Error),
    /// A file or directory in which layers wait to be sent.
    #[error("cannot use `{}`, where layers wait to be sent: {source}", .path.display())]
    Spool { path: PathBuf, source: io::Error },
    #[error("cannot put together what the server is to load: {0}")]
    Pack(io::Error),
    /// It had it when it was asked what it lacks.
    #[error("the server has lost layer {0} while it was shipped to\nhelp: ship again")]
    LayerLost(String),
    #[error("cannot speak to the server: {0}")]
    Shell(io::Error),
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The release did not come up. `restored`: what runs now instead.
    #[error("{}", did_not_come_up(.why, .restored))]
    DidNotComeUp { why: String, restored: Restored },
    #[error("interrupted")]
    Interrupted,
}

/// What a server runs after a release has failed there.
#[derive(Debug)]
pub enum Restored {
    /// The release with this number runs again.
    Former(u32),
    /// There was none before.
    Nothing,
    /// Bringing the former one back failed too.
    Failed { number: u32, why: String },
}

fn did_not_come_up(why: &str, restored: &Restored) -> String {
    let now = match restored {
        Restored::Former(number) => format!("release {number} is back and runs"),
        Restored::Nothing => {
            "there is no former release to go back to; its containers are left for a look"
                .to_owned()
        }
        Restored::Failed { number, why } => {
            format!("release {number} could not be brought back either: {why}")
        }
    };
    format!("the release does not come up: {why}\n{now}")
}

impl ShipError {
    /// Whether the connection failed, so that another try may do better.
    pub fn is_cut(&self) -> bool {
        match self {
            ShipError::Cut(_) => true,
            ShipError::Engine(error) => error.kind == ErrorKind::Unreachable && !is_refused(error),
            _ => false,
        }
    }

    /// Whether nobody was there to connect to, which trying again at once does not change.
    pub(super) fn is_absent(&self) -> bool {
        let ShipError::Engine(error) = self else {
            return false;
        };
        let said = chain(error);
        [
            "Connection refused",
            "Could not resolve hostname",
            "No route to host",
            "Network is unreachable",
            "timed out",
            "no `ssh` on the PATH",
            NO_ENGINE,
        ]
        .iter()
        .any(|words| said.contains(words))
    }

    /// What an error of this file or directory of the spool means.
    pub(super) fn spool(path: &Path) -> impl FnOnce(io::Error) -> ShipError {
        move |source| ShipError::Spool {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn no_shell() -> ShipError {
        ShipError::Refused("only `ssh://` servers can be shipped to".into())
    }

    /// A command on the server, or what it was fed with, failed.
    pub(super) fn of_shell(error: io::Error) -> ShipError {
        match error.kind() {
            io::ErrorKind::ConnectionAborted => ShipError::Cut(error.to_string()),
            _ => ShipError::Shell(error),
        }
    }
}

/// What Docker says where no engine is behind its socket.
const NO_ENGINE: &str = "Cannot connect to the Docker daemon";
/// What Docker says to users who may not use its socket.
const NO_RIGHT: &str = "permission denied while trying to connect to the";

/// ssh, or Docker's socket, refused to go on: trying again is of no use.
pub(super) fn is_refused(error: &EngineError) -> bool {
    let said = chain(error);
    [
        "Host key verification failed",
        "Permission denied (",
        NO_RIGHT,
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// What an error of ssh means and what to do; `None`: what it says is all there is to say.
pub(super) fn explained(address: &str, error: &EngineError) -> Option<String> {
    let said = chain(error);
    if said.contains("Host key verification failed") {
        let changed = said.contains("has changed");
        let what = if changed {
            "has another host key than the one in known_hosts"
        } else {
            "has a host key that known_hosts does not have"
        };
        let help = if changed {
            "somebody may be in between; if the server was set up anew, remove the old key with `ssh-keygen -R HOST`, and log in once with `ssh` to see and take the new one"
        } else {
            "log in once with `ssh` to see and take the key, or put it into ~/.ssh/known_hosts"
        };
        return Some(format!("{address} {what}; nothing was sent\nhelp: {help}"));
    }
    if said.contains("Permission denied (") {
        return Some(format!(
            "{address} does not let this user log in; nothing was sent\nhelp: wharf answers no questions of ssh: use a key without a passphrase, or one that an agent holds (`ssh-add`)"
        ));
    }
    if said.contains(NO_RIGHT) {
        return Some(format!(
            "the user of {address} may not use Docker's socket there; nothing was sent\nhelp: add the user to the group `docker` on the server, or log in as another one"
        ));
    }
    if said.contains(NO_ENGINE) {
        return Some(format!(
            "no Docker Engine runs on {address}; nothing was sent\nhelp: start it there, for example with `systemctl start docker`"
        ));
    }
    if said.contains("docker: command not found") || said.contains("docker: not found") {
        return Some(format!(
            "{address} has no `docker` on the PATH of a command; nothing was sent\nhelp: install Docker there"
        ));
    }
    None
}

/// What failed while a plan was applied, in one message, and whether it was the connection.
pub(super) fn of_apply(error: &ApplyError) -> (String, bool) {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut cut = false;
    while let Some(one) = cause {
        if let Some(engine) = one.downcast_ref::<EngineError>() {
            cut |= engine.kind == ErrorKind::Unreachable;
        }
        if let Some(engine) = one.downcast_ref::<Box<EngineError>>() {
            cut |= engine.kind == ErrorKind::Unreachable;
        }
        cause = one.source();
    }
    (chain(error), cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_key_that_has_changed_is_told_from_one_that_is_new() {
        let said = |words: &str| EngineError::new(ErrorKind::Unreachable, words);
        let changed = said(
            "tried ssh://a: Host key for a has changed and you have requested strict checking.; Host key verification failed.",
        );
        assert!(
            explained("ssh://a", &changed)
                .unwrap()
                .contains("ssh-keygen -R")
        );
        let new = said("tried ssh://a: Host key verification failed.");
        assert!(
            explained("ssh://a", &new)
                .unwrap()
                .contains("known_hosts does not have")
        );
        assert!(!ShipError::Engine(new).is_cut());
        let socket = "tried ssh://a: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
        let no_right = said(socket);
        assert!(
            explained("ssh://a", &no_right)
                .unwrap()
                .contains("group `docker`")
        );
        assert!(!ShipError::Engine(no_right).is_cut());
        let none = said("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.");
        assert!(
            explained("ssh://a", &none)
                .unwrap()
                .contains("start it there")
        );
        assert!(ShipError::Engine(none).is_absent());
        let reset = ShipError::Engine(said("Connection reset by peer"));
        assert!(reset.is_cut() && !reset.is_absent());
        assert!(
            ShipError::Engine(said("connect to host a port 22: Connection refused")).is_absent()
        );
    }
}
