//! One shipment of a project at a time, whoever ships it: a lock in a file on the server, which goes with the connection.

use tokio::task::JoinSet;

use super::event::Voice;
use super::{ShipError, Shipping};
use crate::engine::docker::{DockerEngine, Held};

/// Seconds after which a client that says nothing is gone.
const SILENCE: u32 = 90;
/// Seconds that the lock is waited for: another shipment may be about to end.
const PATIENCE: u32 = 2;

/// What its words begin with: a login shell may say something of its own first.
const MARK: &str = "wharf-lock ";

/// Takes the lock, says `mine` and keeps it until its input ends or falls silent; or says `held` and by whom, or
/// `none` where there is no `flock`. A lock of the same `client` belongs to its connection that broke: its end is
/// waited for. The file is removed while it is locked, so that what was locked has to be the file that is there.
pub(super) fn script(project: &str, client: &str) -> String {
    format!(
        r#"set -eu
umask 077
command -v flock >/dev/null || {{ echo "{MARK}none"; exit 0; }}
d="${{XDG_CACHE_HOME:-$HOME/.cache}}"
mkdir -p "$d"
l="$d/wharf-ship-{project}.lock"
n=0
while :; do
  exec 9>>"$l"
  if flock -n 9; then
    if [ "$l" -ef /proc/self/fd/9 ]; then break; fi
    continue
  fi
  c= w=
  read -r c w < "$l" || true
  most={PATIENCE}
  if [ "$c" = '{client}' ]; then most={SILENCE}; fi
  if [ "$n" -gt "$most" ]; then echo "{MARK}held $w"; exit 0; fi
  n=$((n + 1))
  sleep 1
done
s=${{SSH_CLIENT:-here}}
echo "{client} from ${{s%% *}} since $(date -u +%Y-%m-%dT%H:%M:%SZ)" > "$l"
echo "{MARK}mine"
while [ -n "$(timeout {SILENCE} head -c 1)" ]; do :; done
rm -f "$l""#
    )
}

/// What the script has said.
pub(super) enum Guard {
    /// Until it is released.
    Mine(Held),
    /// Another client's; the words say whose.
    Held(String),
    /// The server cannot lock.
    None,
}

impl Guard {
    pub(super) fn of(said: &str, held: Held) -> Guard {
        match said.split_once(' ') {
            Some(("held", whose)) => Guard::Held(whose.to_owned()),
            _ if said == "none" => Guard::None,
            _ => Guard::Mine(held),
        }
    }

    pub(super) async fn release(self) {
        if let Guard::Mine(held) = self {
            held.release().await;
        }
    }

    /// Takes the lock of a project.
    ///
    /// # Errors
    /// When another client has it, or the connection breaks.
    pub(super) async fn take(
        docker: DockerEngine,
        project: String,
        client: String,
        voice: Voice,
    ) -> Result<Guard, ShipError> {
        let Some(shell) = docker.shell() else {
            return Err(ShipError::no_shell());
        };
        let (said, held) = shell
            .hold(&script(&project, &client), MARK)
            .await
            .map_err(ShipError::of_shell)?;
        match Guard::of(&said, held) {
            Guard::Held(whose) => Err(ShipError::Refused(format!(
                "project `{project}` is being shipped to {} by somebody else, {whose}; nothing was sent\nhelp: wait for its end, and ship again",
                voice.address()
            ))),
            Guard::None => {
                let text = "it has no `flock`: nothing keeps two shipments apart".to_owned();
                voice.say(Shipping::Note { text });
                Ok(Guard::None)
            }
            mine @ Guard::Mine(_) => Ok(mine),
        }
    }
}

/// A lock that is taken while other things are asked. It is given up when this is dropped.
pub(super) struct Reservation(JoinSet<Result<Guard, ShipError>>);

impl Reservation {
    pub(super) fn begin(
        taking: impl Future<Output = Result<Guard, ShipError>> + Send + 'static,
    ) -> Reservation {
        let mut task = JoinSet::new();
        task.spawn(taking);
        Reservation(task)
    }

    /// `None`: it came to nothing, and has to be taken anew.
    pub(super) async fn end(mut self) -> Option<Result<Guard, ShipError>> {
        self.0.join_next().await?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn start(home: &Path, client: &str) -> (Child, String) {
        let mut child = Command::new("sh")
            .args(["-c", &script("shop", client)])
            .env_remove("XDG_CACHE_HOME")
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = child.stdout.as_mut().unwrap();
        BufReader::new(said.by_ref()).read_line(&mut line).unwrap();
        let said = line.trim().strip_prefix(MARK).unwrap().to_owned();
        (child, said)
    }

    fn end(mut child: Child) {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_second_client_is_told_of_the_first_until_that_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let (first, said) = start(home.path(), "one");
        assert_eq!(said, "mine");
        let (second, said) = start(home.path(), "two");
        assert!(said.starts_with("held from "), "{said}");
        end(second);
        end(first);
        let (third, said) = start(home.path(), "two");
        assert_eq!(said, "mine");
        end(third);
        let left = std::fs::read_dir(home.path().join(".cache")).unwrap();
        assert_eq!(left.count(), 0);
    }
}
