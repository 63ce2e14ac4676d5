use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::job::{Job, Shard};
use super::junit::{self, Counts, Problem, Report};
use super::ledger::CoveredImage;
use super::outcome::{Attempt, JobOutcome, Phases, Verdict};
use super::own_directory::own_directory;
use super::ports::OpenPort;

/// Runs that are kept below `.wharf/runs` unless somebody says otherwise.
pub const KEPT_RUNS: usize = 10;

/// How a run or a job ended, the better the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    #[default]
    Passed,
    Failed,
    TimedOut,
    Infrastructure,
    Interrupted,
}

impl Ending {
    pub fn word(self) -> &'static str {
        match self {
            Ending::Passed => "passed",
            Ending::Failed => "failed",
            Ending::TimedOut => "timed-out",
            Ending::Infrastructure => "infrastructure",
            Ending::Interrupted => "interrupted",
        }
    }
}

/// What a run writes about itself: `summary.json`, `summary.md` and `junit.xml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub run: String,
    /// The env's Compose project, of which the run had copies.
    pub project: String,
    pub env: Option<String>,
    /// The worst of the jobs'.
    pub verdict: Ending,
    /// Of the tests; `None`: they did not end by themselves.
    pub exit_code: Option<i64>,
    /// Why they did not.
    pub reason: Option<String>,
    /// RFC 3339.
    pub started: String,
    /// In seconds, of all jobs together.
    pub phases: Phases,
    pub tests: Counts,
    /// The commit that was checked out. `None`: the project is in no Git repository.
    pub revision: Option<String>,
    pub dirty: bool,
    /// What the tests ran in and what that was built from.
    pub images: Vec<CoveredImage>,
    pub jobs: Vec<JobSummary>,
    /// What was changed so that the copy meets nobody.
    pub notes: Vec<String>,
    /// The stack was left as it is.
    pub kept: bool,
    /// What the run has added to its directory, by name; the next run in the same directory removes it.
    pub wrote: Vec<String>,
}

/// One suite, or a part of it, in one stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobSummary {
    pub name: String,
    pub suite: String,
    /// As they may be shown.
    pub values: IndexMap<String, String>,
    pub shard: Option<Shard>,
    /// The Compose project of its own.
    pub project: String,
    pub verdict: Ending,
    pub exit_code: Option<i64>,
    pub reason: Option<String>,
    pub attempts: Vec<Attempt>,
    pub phases: Phases,
    pub tests: Counts,
    pub ports: Vec<OpenPort>,
    /// Some stood ready when the run began.
    pub warm: bool,
    /// Why the declared report could not be had, or only in part.
    pub no_report: Option<String>,
    /// Declared artifacts that the tests have not left.
    pub missing: Vec<String>,
    /// The last lines of tests that failed.
    pub last_words: Vec<String>,
}

impl JobSummary {
    pub fn new(job: &Job, project: &str, warm: bool, outcome: &JobOutcome) -> Self {
        let (verdict, exit_code, reason) = match &outcome.verdict {
            Verdict::Ended(0) => (Ending::Passed, Some(0), None),
            Verdict::Ended(code) => {
                let memory = outcome.out_of_memory;
                let reason = memory.then(|| "the tests ran out of memory".to_owned());
                (Ending::Failed, Some(*code), reason)
            }
            Verdict::TimedOut(limit) => (
                Ending::TimedOut,
                None,
                Some(format!("the tests took longer than {} s", limit.as_secs())),
            ),
            Verdict::Interrupted => (Ending::Interrupted, None, None),
            Verdict::Infrastructure(failure) => {
                (Ending::Infrastructure, None, Some(failure.to_string()))
            }
        };
        JobSummary {
            name: job.to_string(),
            suite: job.suite.clone(),
            values: job.shown_values(),
            shard: job.shard,
            project: project.to_owned(),
            verdict,
            exit_code,
            reason,
            attempts: outcome.attempts.clone(),
            phases: outcome.phases,
            tests: outcome
                .report
                .as_ref()
                .map(junit::count)
                .unwrap_or_default(),
            ports: outcome.ports.clone(),
            warm,
            no_report: outcome.no_report.clone(),
            missing: match outcome.verdict {
                Verdict::Ended(_) => outcome.missing.clone(),
                _ => Vec::new(),
            },
            last_words: outcome.last_words.clone(),
        }
    }

    /// Why tests failed of which no report names one: that they did, and their last lines. `None`: there is more to say.
    pub fn unreported_failure(&self) -> Option<String> {
        let bare = self.verdict == Ending::Failed && self.tests.failed == 0;
        let code = self.exit_code.filter(|_| bare && self.reason.is_none())?;
        let mut text = format!("the tests failed with exit code {code}");
        if !self.last_words.is_empty() {
            text.push_str("\nlast lines of their output:\n");
            text.push_str(&self.last_words.join("\n"));
        }
        Some(text)
    }

    /// What is wrong besides failing tests: a kind and a message.
    fn problem(&self) -> Option<(&'static str, String)> {
        let out_of_memory = self.verdict == Ending::Failed && self.reason.is_some();
        let kind = match self.verdict {
            Ending::Failed if out_of_memory => "out-of-memory",
            Ending::TimedOut | Ending::Infrastructure => self.verdict.word(),
            Ending::Passed | Ending::Failed | Ending::Interrupted => return None,
        };
        Some((kind, self.reason.clone().unwrap_or_default()))
    }
}

impl Summary {
    /// Takes the jobs in: the worst verdict is the run's, times and counts are added.
    pub fn conclude(&mut self, jobs: Vec<JobSummary>) {
        if let Some(worst) = jobs.iter().rev().max_by_key(|job| job.verdict) {
            self.verdict = worst.verdict;
            self.exit_code = worst.exit_code;
            self.reason.clone_from(&worst.reason);
        }
        for job in &jobs {
            self.phases.start_up += job.phases.start_up;
            self.phases.tests += job.phases.tests;
            self.phases.collect += job.phases.collect;
            self.phases.clean_up += job.phases.clean_up;
            self.tests.tests += job.tests.tests;
            self.tests.failed += job.tests.failed;
            self.tests.skipped += job.tests.skipped;
            self.tests.flaky += job.tests.flaky;
        }
        self.jobs = jobs;
    }

    /// The jobs' reports as one, with a suite of its own for what is wrong besides. `None`: there is nothing to report.
    pub fn report(&self, reports: Vec<(String, Report)>) -> Option<Report> {
        let mut problems = Vec::new();
        for job in &self.jobs {
            if let Some((kind, message)) = job.problem() {
                problems.push(Problem {
                    about: job.name.clone(),
                    kind,
                    message,
                    harmless: false,
                });
            }
            if let Some(message) = &job.no_report {
                problems.push(Problem {
                    about: job.name.clone(),
                    kind: "no-report",
                    message: message.clone(),
                    harmless: job.verdict == Ending::Passed,
                });
            }
        }
        if reports.is_empty() && problems.is_empty() {
            return None;
        }
        let mut whole = junit::merge(&format!("wharf test {}", self.run), reports);
        if !problems.is_empty() {
            let took = Duration::from_secs_f64(self.phases.start_up.max(0.0));
            whole.add_test_suite(junit::infrastructure(&problems, took));
        }
        Some(whole)
    }

    /// Writes the files.
    pub fn write(&self, directory: &Path, report: Option<&Report>) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        let failed = report.map(junit::failed).unwrap_or_default();
        fs::write(directory.join("summary.md"), self.markdown(&failed))?;
        if let Some(report) = report {
            let xml = report.to_string().map_err(io::Error::other)?;
            fs::write(directory.join("junit.xml"), xml)?;
            let own = report
                .test_suites
                .iter()
                .find(|suite| suite.name.as_str() == junit::INFRASTRUCTURE);
            if let Some(own) = own {
                let mut alone = Report::new(report.name.clone());
                alone.add_test_suite(own.clone());
                let xml = alone.to_string().map_err(io::Error::other)?;
                fs::write(directory.join("infrastructure.xml"), xml)?;
            }
        }
        // Last: where it is, the run is over and everything else is there.
        fs::write(directory.join("summary.json"), json + "\n")
    }
}

/// A directory for a run below `.wharf/runs` of the project's directory; of the older runs, the last `kept` stay with it.
/// With it come those that should go and cannot be removed, each with the reason: another user's, for example.
///
/// # Errors
/// When the directory cannot be made.
pub fn directory(project: &Path, run: &str, kept: usize) -> io::Result<(PathBuf, Vec<String>)> {
    let runs = own_directory(project)?.join("runs");
    fs::create_dir_all(&runs)?;
    let earlier = run_directories(project)?;
    let surplus = (earlier.len() + 1).saturating_sub(kept.max(1));
    let mut stuck = Vec::new();
    for old in earlier.iter().take(surplus).filter(|old| is_over(old)) {
        match fs::remove_dir_all(old) {
            // Another run may remove it at the same time.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                stuck.push(format!("`{}`: {error}", old.display()));
            }
            _ => {}
        }
    }
    let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%SZ");
    let directory = runs.join(format!("{stamp}-{run}"));
    fs::create_dir_all(&directory)?;
    Ok((directory, stuck))
}

/// Whether a run has written its summary, or has been silent for so long that it never will.
fn is_over(directory: &Path) -> bool {
    let silent = || -> io::Result<bool> {
        let changed = fs::metadata(directory)?.modified()?;
        let age = SystemTime::now()
            .duration_since(changed)
            .unwrap_or_default();
        Ok(age > Duration::from_secs(24 * 3600))
    };
    directory.join("summary.json").exists() || silent().unwrap_or(false)
}

/// The directories of a project's runs, oldest first.
fn run_directories(project: &Path) -> io::Result<Vec<PathBuf>> {
    let runs = match fs::read_dir(project.join(".wharf/runs")) {
        Ok(runs) => runs,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut directories: Vec<PathBuf> = runs
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    Ok(directories)
}

/// The runs of a project that are over, oldest first, with their directories.
pub fn summaries(project: &Path) -> io::Result<Vec<(PathBuf, Summary)>> {
    Ok(run_directories(project)?
        .into_iter()
        .filter_map(|directory| {
            let text = fs::read_to_string(directory.join("summary.json")).ok()?;
            Some((directory, serde_json::from_str(&text).ok()?))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, verdict: Ending, code: Option<i64>, reason: Option<&str>) -> JobSummary {
        JobSummary {
            name: name.into(),
            verdict,
            exit_code: code,
            reason: reason.map(str::to_owned),
            ..JobSummary::default()
        }
    }

    #[test]
    fn the_worst_job_decides_and_the_infrastructure_is_a_suite_of_its_own() {
        let mut summary = Summary {
            run: "r1".into(),
            ..Summary::default()
        };
        summary.conclude(vec![
            job("unit", Ending::Passed, Some(0), None),
            job(
                "slow",
                Ending::TimedOut,
                None,
                Some("the tests took longer than 60 s"),
            ),
            job("wrong", Ending::Failed, Some(1), None),
        ]);
        assert_eq!(summary.verdict, Ending::TimedOut);
        let directory = tempfile::tempdir().unwrap();
        let report = summary.report(Vec::new());
        summary.write(directory.path(), report.as_ref()).unwrap();
        let xml = fs::read_to_string(directory.path().join("infrastructure.xml")).unwrap();
        assert!(
            xml.contains("wharf infrastructure") && xml.contains("longer than 60 s"),
            "{xml}"
        );
        let read: Summary = serde_json::from_str(
            &fs::read_to_string(directory.path().join("summary.json")).unwrap(),
        )
        .unwrap();
        assert_eq!(read, summary);
        for entry in fs::read_dir(directory.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_known = crate::model::RUN_FILES.contains(&name.as_str());
            assert!(is_known, "an artifact may be kept as `{name}`");
        }
        let text = fs::read_to_string(directory.path().join("summary.md")).unwrap();
        assert!(
            text.contains("## Tests timed-out") && text.contains("| wrong | failed |"),
            "{text}"
        );
    }

    #[test]
    fn a_report_that_cannot_be_had_is_a_failure_only_of_tests_that_failed() {
        let mut summary = Summary::default();
        let missing = |verdict, code| JobSummary {
            no_report: Some("`/r.xml` is no JUnit report".into()),
            ..job("unit", verdict, Some(code), None)
        };
        summary.conclude(vec![missing(Ending::Failed, 1), missing(Ending::Passed, 0)]);
        let report = summary.report(Vec::new()).unwrap();
        assert_eq!((report.errors, report.tests), (1, 2));
        assert!(report.to_string().unwrap().contains("no JUnit report"));
    }

    #[test]
    fn only_the_last_runs_are_kept_and_none_that_is_not_over() {
        let project = tempfile::tempdir().unwrap();
        let (running, _) = directory(project.path(), "r000", KEPT_RUNS).unwrap();
        for number in 0..KEPT_RUNS + 3 {
            let name = format!("r{number:02}");
            let (run, stuck) = directory(project.path(), &name, KEPT_RUNS).unwrap();
            assert!(stuck.is_empty(), "{stuck:?}");
            fs::write(run.join("summary.json"), "{}").unwrap();
        }
        assert!(running.exists());
        let kept = run_directories(project.path()).unwrap().len();
        assert!(kept <= KEPT_RUNS + 1, "{kept}");
        assert_eq!(summaries(project.path()).unwrap().len(), kept - 1);
    }
}
