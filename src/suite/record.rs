use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::run::{Phases, Verdict};

/// Runs that are kept below `.wharf/runs`.
const KEPT_RUNS: usize = 10;

/// What a run writes about itself: `summary.json`, and `infrastructure.xml` when the tests could not be run.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub run: String,
    pub project: String,
    pub env: Option<String>,
    /// `passed`, `failed`, `timed-out`, `interrupted` or `infrastructure`.
    pub verdict: &'static str,
    /// Of the tests; `None`: they did not end by themselves.
    pub exit_code: Option<i64>,
    /// Why they did not.
    pub reason: Option<String>,
    /// In seconds.
    pub phases: Phases,
}

impl Summary {
    pub fn new(
        run: &str,
        project: &str,
        env: Option<String>,
        verdict: &Verdict,
        phases: Phases,
    ) -> Self {
        let (word, exit_code, reason) = match verdict {
            Verdict::Ended(0) => ("passed", Some(0), None),
            Verdict::Ended(code) => ("failed", Some(*code), None),
            Verdict::TimedOut(limit) => (
                "timed-out",
                None,
                Some(format!("the tests took longer than {} s", limit.as_secs())),
            ),
            Verdict::Interrupted => ("interrupted", None, None),
            Verdict::Infrastructure(failure) => ("infrastructure", None, Some(failure.to_string())),
        };
        Summary {
            run: run.to_owned(),
            project: project.to_owned(),
            env,
            verdict: word,
            exit_code,
            reason,
            phases,
        }
    }

    /// Writes the files.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        fs::write(directory.join("summary.json"), json + "\n")?;
        if self.verdict == "infrastructure" || self.verdict == "timed-out" {
            let xml = self.report().to_string().map_err(io::Error::other)?;
            fs::write(directory.join("infrastructure.xml"), xml)?;
        }
        Ok(())
    }

    /// A suite of its own, so that nobody reads it as a failing test.
    fn report(&self) -> Report {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_type(self.verdict)
            .set_message(self.reason.clone().unwrap_or_default());
        let mut case = TestCase::new(self.verdict, status);
        case.set_time(Duration::from_secs_f64(self.phases.start_up.max(0.0)));
        let mut suite = TestSuite::new("wharf infrastructure");
        suite.add_test_case(case);
        let mut report = Report::new(format!("wharf test {}", self.run));
        report.add_test_suite(suite);
        report
    }
}

/// A directory for a run below `.wharf/runs` of the project's directory; older runs beyond the last ten are removed.
pub fn directory(project: &Path, run: &str) -> io::Result<PathBuf> {
    let runs = project.join(".wharf/runs");
    fs::create_dir_all(&runs)?;
    // Results are nobody's sources: keep them out of commits without touching the project's own files.
    let ignore = project.join(".wharf/.gitignore");
    if !ignore.exists() {
        fs::write(ignore, "*\n")?;
    }
    let mut earlier: Vec<PathBuf> = fs::read_dir(&runs)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    earlier.sort();
    let surplus = (earlier.len() + 1).saturating_sub(KEPT_RUNS);
    for old in earlier.iter().take(surplus) {
        fs::remove_dir_all(old)?;
    }
    let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%SZ");
    let directory = runs.join(format!("{stamp}-{run}"));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_infrastructure_is_a_suite_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let verdict = Verdict::TimedOut(Duration::from_secs(60));
        let summary = Summary::new("r1", "demo-test-r1", None, &verdict, Phases::default());
        summary.write(directory.path()).unwrap();
        let xml = fs::read_to_string(directory.path().join("infrastructure.xml")).unwrap();
        assert!(
            xml.contains("wharf infrastructure") && xml.contains("longer than 60 s"),
            "{xml}"
        );
    }

    #[test]
    fn only_the_last_runs_are_kept() {
        let project = tempfile::tempdir().unwrap();
        for number in 0..KEPT_RUNS + 3 {
            directory(project.path(), &format!("r{number:02}")).unwrap();
        }
        let kept = fs::read_dir(project.path().join(".wharf/runs"))
            .unwrap()
            .count();
        assert_eq!(kept, KEPT_RUNS);
    }
}
