use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Label with the id of the test run that owns an object.
pub const RUN: &str = "wharf.run";
/// Label with the [`Lease`], as JSON.
pub const LEASE: &str = "wharf.lease";

/// Who owns the objects of a test run, so that what a killed run leaves behind can be told from what is in use. A run is
/// in use as long as one of its objects has a lease that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The UID of who runs wharf, for people.
    #[serde(default)]
    pub owner: String,
    pub host: String,
    /// `/etc/machine-id`: host names alone do not tell machines apart. Empty where there is none, in most containers.
    #[serde(default)]
    pub machine: String,
    /// The namespace that `process` is counted in; empty where the kernel tells none.
    #[serde(default)]
    pub namespace: String,
    /// Of the kernel that ran when it was made; a lease of an earlier boot of a machine has no living owner.
    pub boot: String,
    /// When it was made, in Unix seconds; 0: an earlier wharf did not say.
    #[serde(default)]
    pub made: u64,
    pub process: u32,
    /// When the process started, in clock ticks since boot: tells it from a later one with the same number.
    pub started: u64,
    /// Unix seconds after which an owner that cannot be asked counts as gone.
    pub expires: u64,
    /// Somebody wants to look at it: it stays until it is removed by name.
    #[serde(default)]
    pub kept: bool,
}

impl Lease {
    /// The lease of this process. `lifetime`: after which others may clean up what cannot be asked for its owner.
    pub fn of_this_process(lifetime: Duration) -> Self {
        let process = std::process::id();
        Lease {
            owner: rustix::process::getuid().as_raw().to_string(),
            namespace: std::fs::read_link("/proc/self/ns/pid")
                .map(|link| link.display().to_string())
                .unwrap_or_default(),
            kept: false,
            host: read("/proc/sys/kernel/hostname").unwrap_or_default(),
            machine: read("/etc/machine-id").unwrap_or_default(),
            made: now(),
            boot: read("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
            process,
            started: start_ticks(process).unwrap_or(0),
            expires: now().saturating_add(lifetime.as_secs()),
        }
    }

    /// A lease that lasts until somebody removes the run.
    pub fn for_good() -> Self {
        Lease {
            kept: true,
            ..Lease::of_this_process(Duration::ZERO)
        }
    }

    /// Whether the owner is still at work, as far as this machine can tell.
    pub fn is_held(&self) -> bool {
        if self.kept {
            return true;
        }
        let here = Lease::of_this_process(Duration::ZERO);
        let may_live = now() < self.expires;
        if self.boot != here.boot {
            // Another kernel: that of another machine, or of this one before it was restarted.
            let of_this_machine =
                self.host == here.host && !self.machine.is_empty() && self.machine == here.machine;
            let before_this_boot = self.made != 0 && booted_at().is_some_and(|at| self.made < at);
            return may_live && !(of_this_machine && before_this_boot);
        }
        // In a container beside this one, or this is one: its process cannot be seen.
        if !self.namespace.is_empty() && self.namespace != here.namespace {
            return may_live;
        }
        start_ticks(self.process) == Some(self.started)
    }

    /// The labels that mark an object as this run's.
    pub fn labels(&self, run: &str) -> IndexMap<String, String> {
        let lease = serde_json::to_string(self).unwrap_or_default();
        IndexMap::from([(RUN.to_owned(), run.to_owned()), (LEASE.to_owned(), lease)])
    }

    /// The lease on an object. `None`: it belongs to no test run.
    pub fn on(labels: &IndexMap<String, String>) -> Option<Lease> {
        serde_json::from_str(labels.get(LEASE)?).ok()
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}

/// When this machine was started, in Unix seconds.
fn booted_at() -> Option<u64> {
    let stat = read("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

/// When a process started, in clock ticks since boot. `None`: there is no such process at work.
fn start_ticks(process: u32) -> Option<u64> {
    started(&read(format!("/proc/{process}/stat"))?)
}

/// The same from the text of `/proc/PID/stat`: fields 3 and 22.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn started(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    // One that has ended and that nobody has waited for: as the first process of a container often does not.
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_its_lease() {
        let lease = Lease::of_this_process(Duration::ZERO);
        assert!(lease.is_held());
        let labels = lease.labels("r1");
        assert_eq!(Lease::on(&labels), Some(lease));
    }

    #[test]
    fn a_process_that_is_gone_holds_nothing() {
        let mut lease = Lease::of_this_process(Duration::from_secs(60));
        lease.started += 1;
        assert!(!lease.is_held(), "another process with the same number");
    }

    #[test]
    fn a_process_that_has_ended_and_is_still_listed_is_gone() {
        let stat = |state: &str| {
            format!("7 (a) b) {state} 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0")
        };
        assert_eq!(started(&stat("S")), Some(4711));
        assert_eq!(started(&stat("Z")), None);
        assert_eq!(started("7 (a"), None);
    }

    #[test]
    fn a_machine_that_was_restarted_holds_nothing() {
        let mut lease = Lease::of_this_process(Duration::from_secs(60));
        lease.boot = "earlier".into();
        lease.machine = "m".into();
        lease.made = 1;
        assert!(lease.is_held(), "another machine of the same name");
        lease.machine = read("/etc/machine-id").unwrap_or_default();
        let known = !lease.machine.is_empty();
        assert_eq!(lease.is_held(), !known, "this one, before it was restarted");
        lease.made = now();
        assert!(
            lease.is_held(),
            "a twin of this machine, which runs beside it"
        );
        lease.expires = 1;
        assert!(!lease.is_held());
    }

    #[test]
    fn what_is_kept_has_no_owner_and_stays() {
        let mut lease = Lease::for_good();
        lease.boot = "earlier".into();
        assert!(lease.is_held());
    }

    #[test]
    fn an_owner_in_another_container_is_trusted_until_the_lease_expires() {
        let mut lease = Lease::of_this_process(Duration::from_secs(60));
        lease.namespace = "pid:[1]".into();
        lease.process = 1;
        assert!(lease.is_held());
        lease.expires = 1;
        assert!(!lease.is_held());
    }

    #[test]
    fn an_owner_on_another_machine_is_trusted_until_the_lease_expires() {
        let mut lease = Lease::of_this_process(Duration::from_secs(60));
        lease.host = "elsewhere".into();
        lease.boot = "another".into();
        assert!(lease.is_held());
        lease.expires = 1;
        assert!(!lease.is_held());
    }

    #[test]
    fn one_kernel_under_two_host_names_is_one_machine() {
        let mut lease = Lease::of_this_process(Duration::from_secs(60));
        lease.host = "renamed".into();
        assert!(lease.is_held());
        lease.started += 1;
        assert!(!lease.is_held());
    }
}
