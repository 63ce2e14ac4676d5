use std::fmt;

use chrono::DateTime;
use futures_util::StreamExt;

use super::failure::tail;
use crate::engine::{Container, ContainerStatus, Engine, EngineResult, LogOptions};
use crate::observe::labels;

/// Lines of the log that are shown.
const LINES: u64 = 20;

/// A service that ended while the tests ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub service: String,
    pub container: String,
    /// `None`: the engine has started it again since, and has forgotten.
    pub exit_code: Option<i64>,
    pub out_of_memory: bool,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// What the tests ended with. `None`: they did not end in time.
    pub tests: Option<i64>,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}` ended ", self.service)?;
        match self.exit_code {
            Some(code) => write!(f, "with exit code {code}")?,
            None => f.write_str("and was started again")?,
        }
        if self.out_of_memory {
            f.write_str(" (out of memory)")?;
        }
        write!(
            f,
            " while the tests ran (container `{}`); they ",
            self.container
        )?;
        match self.tests {
            Some(code) => write!(f, "failed with exit code {code}")?,
            None => f.write_str("did not end in time")?,
        }
        f.write_str(&tail(&self.log))
    }
}

/// A service of a stack that ended badly while its tests ran, in the container `tests`. `None`: all that should run has run
/// all the time. `code`: what the tests ended with.
pub async fn crash(
    engine: &dyn Engine,
    project: &str,
    tests: &str,
    code: Option<i64>,
) -> EngineResult<Option<Crash>> {
    let began = engine
        .inspect_container(tests)
        .await?
        .map(|seen| seen.state.started_at)
        .unwrap_or_default();
    for one in engine
        .list_containers(&[(labels::PROJECT, project)])
        .await?
    {
        let one_off = one
            .labels
            .get(labels::ONE_OFF)
            .is_some_and(|word| word == "True");
        if one_off {
            continue;
        }
        let Some(seen) = engine.inspect_container(&one.id).await? else {
            continue;
        };
        let Some(exit_code) = bad_end(&seen, &began) else {
            continue;
        };
        let options = LogOptions {
            tail: Some(LINES),
            tty: seen.tty,
            ..LogOptions::default()
        };
        let mut lines = engine.container_logs(&one.id, &options).await?;
        let mut log = Vec::new();
        while let Some(Ok(line)) = lines.next().await {
            log.push(String::from_utf8_lossy(&line.bytes).into_owned());
        }
        return Ok(Some(Crash {
            service: one.labels.get(labels::SERVICE).cloned().unwrap_or_default(),
            container: one.name,
            exit_code,
            out_of_memory: seen.state.exit.is_some_and(|exit| exit.out_of_memory),
            log,
            tests: code,
        }));
    }
    Ok(None)
}

/// Whether a container ended badly: its exit code, if the engine still knows it. `began`: when the tests started.
fn bad_end(seen: &Container, began: &str) -> Option<Option<i64>> {
    let exit = seen.state.exit.clone().unwrap_or_default();
    match seen.state.status {
        // What had ended before is nothing that the tests have met.
        ContainerStatus::Exited | ContainerStatus::Dead | ContainerStatus::Restarting => {
            let is_bad = exit.code != 0 || exit.out_of_memory;
            (is_bad && !is_later(began, &seen.state.finished_at)).then_some(Some(exit.code))
        }
        // A restart policy hides a crash, but the tests have met it.
        ContainerStatus::Running if seen.restart_count > 0 => {
            is_later(&seen.state.started_at, began).then_some(None)
        }
        _ => None,
    }
}

fn is_later(one: &str, other: &str) -> bool {
    let parse = |text| DateTime::parse_from_rfc3339(text).ok();
    matches!((parse(one), parse(other)), (Some(one), Some(other)) if one > other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ContainerState, ExitDetail};

    const BEGAN: &str = "2026-11-28T04:00:10.5Z";

    fn container(status: ContainerStatus, code: i64, restarts: i64, at: &str) -> Container {
        Container {
            restart_count: restarts,
            state: ContainerState {
                status,
                exit: Some(ExitDetail {
                    code,
                    ..ExitDetail::default()
                }),
                started_at: at.to_owned(),
                finished_at: at.to_owned(),
                ..ContainerState::default()
            },
            ..Container::default()
        }
    }

    #[test]
    fn a_restart_policy_hides_no_crash() {
        let before = "2026-11-28T04:00:09Z";
        let after = "2026-11-28T04:00:11.123456789Z";
        let judged =
            |status, code, restarts, at| bad_end(&container(status, code, restarts, at), BEGAN);
        use ContainerStatus::{Exited, Restarting, Running};
        assert_eq!(judged(Exited, 9, 0, after), Some(Some(9)));
        assert_eq!(judged(Exited, 9, 0, ""), Some(Some(9)), "nobody knows when");
        assert_eq!(judged(Exited, 9, 0, before), None, "it has failed before");
        assert_eq!(judged(Exited, 0, 0, after), None, "it had nothing to do");
        assert_eq!(judged(Restarting, 1, 3, after), Some(Some(1)));
        assert_eq!(judged(Running, 0, 1, after), Some(None));
        assert_eq!(
            judged(Running, 0, 1, before),
            None,
            "that was during the start-up"
        );
        assert_eq!(judged(Running, 0, 0, after), None, "begun later on purpose");
    }

    #[test]
    fn a_crash_says_what_the_tests_made_of_it() {
        let mut crash = Crash {
            service: "db".into(),
            container: "p-db-1".into(),
            exit_code: None,
            out_of_memory: false,
            log: vec!["last words".into()],
            tests: None,
        };
        assert_eq!(
            crash.to_string(),
            "service `db` ended and was started again while the tests ran (container `p-db-1`); they did not end in time\nlast lines of its output:\nlast words"
        );
        crash.exit_code = Some(9);
        crash.tests = Some(1);
        assert!(
            crash
                .to_string()
                .starts_with("service `db` ended with exit code 9 while")
        );
    }
}
