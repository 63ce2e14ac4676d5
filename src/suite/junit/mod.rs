//! The tests' own reports: read as everybody writes them, folded, merged, counted.

mod attempts;
mod element;
mod read;

use std::time::Duration;

pub use quick_junit::Report;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::{Deserialize, Serialize};

pub use self::attempts::fold_attempts;
#[cfg(test)]
use self::read::read;
pub use self::read::read_path;

/// What the infrastructure's own suite is called, so that nobody reads it as failing tests.
pub const INFRASTRUCTURE: &str = "wharf infrastructure";

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub tests: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Passed, but not the first time.
    pub flaky: usize,
}

/// A test that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedTest {
    /// Class and name, as far as they are written.
    pub name: String,
    pub message: String,
    /// As the report has it: a traceback, most often.
    pub text: String,
    /// As the report has them.
    pub file: Option<String>,
    pub line: Option<u32>,
}

fn recount(report: &mut Report) {
    let suites = std::mem::take(&mut report.test_suites);
    (report.tests, report.failures, report.errors) = (0, 0, 0);
    for mut suite in suites {
        let cases = std::mem::take(&mut suite.test_cases);
        (suite.tests, suite.failures, suite.errors, suite.disabled) = (0, 0, 0, 0);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
}

/// One report of several jobs; with more than one, each suite's name tells its job.
pub fn merge(name: &str, jobs: Vec<(String, Report)>) -> Report {
    let mut whole = Report::new(name.to_owned());
    let several = jobs.len() > 1;
    for (job, report) in jobs {
        for mut suite in report.test_suites {
            if several {
                suite.name = format!("{job}: {}", suite.name.as_str()).into();
            }
            whole.add_test_suite(suite);
        }
    }
    recount(&mut whole);
    whole
}

/// What went wrong around the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The job.
    pub about: String,
    pub kind: &'static str,
    pub message: String,
    /// Of tests that passed: it is told, and is no failure.
    pub harmless: bool,
}

/// A suite with what went wrong around the tests.
pub fn infrastructure(problems: &[Problem], took: Duration) -> TestSuite {
    let mut suite = TestSuite::new(INFRASTRUCTURE);
    for problem in problems {
        let mut status = match problem.harmless {
            true => TestCaseStatus::skipped(),
            false => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let first = problem.message.lines().next().unwrap_or_default();
        status
            .set_type(problem.kind)
            .set_message(first)
            .set_description(problem.message.clone());
        let mut case = TestCase::new(problem.about.clone(), status);
        case.set_classname(problem.kind);
        case.set_time(took);
        suite.add_test_case(case);
    }
    suite
}

/// Counts the tests of a report, without the infrastructure's suite.
pub fn count(report: &Report) -> Counts {
    let mut counts = Counts::default();
    for case in cases(report) {
        counts.tests += 1;
        match &case.status {
            TestCaseStatus::Success { flaky_runs } => {
                counts.flaky += usize::from(!flaky_runs.is_empty());
            }
            TestCaseStatus::NonSuccess { .. } => counts.failed += 1,
            TestCaseStatus::Skipped { .. } => counts.skipped += 1,
        }
    }
    counts
}

/// The tests that failed, in the order of the report.
pub fn failed(report: &Report) -> Vec<FailedTest> {
    cases(report)
        .filter_map(|case| {
            let TestCaseStatus::NonSuccess {
                message,
                description,
                ..
            } = &case.status
            else {
                return None;
            };
            let extra = |key: &str| {
                let found = case.extra.iter().find(|(name, _)| name.as_str() == key);
                found.map(|(_, value)| value.as_str().to_owned())
            };
            let text = |text: &Option<quick_junit::XmlString>| {
                text.as_ref().map(|text| text.as_str().to_owned())
            };
            let class = case.classname.as_ref().map(|name| name.as_str());
            Some(FailedTest {
                name: match class {
                    Some(class) if !class.is_empty() => format!("{class}::{}", case.name.as_str()),
                    _ => case.name.as_str().to_owned(),
                },
                message: text(message).unwrap_or_default(),
                text: text(description).unwrap_or_default(),
                file: extra("file"),
                line: extra("line").and_then(|line| line.parse().ok()),
            })
        })
        .collect()
}

fn cases(report: &Report) -> impl Iterator<Item = &TestCase> {
    report
        .test_suites
        .iter()
        .filter(|suite| suite.name.as_str() != INFRASTRUCTURE)
        .flat_map(|suite| &suite.test_cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cases: &str) -> Report {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\" errors=\"0\" failures=\"1\" skipped=\"0\" tests=\"2\" time=\"0.01\" timestamp=\"2026-11-21T04:00:00.123456+00:00\" hostname=\"h\">{cases}</testsuite></testsuites>"
        );
        read(text.as_bytes()).unwrap()
    }

    const PASS_A: &str = "<testcase classname=\"t\" name=\"a\" time=\"0.001\" />";
    const FAIL_A: &str = "<testcase classname=\"t\" name=\"a\" time=\"0.001\"><failure message=\"assert 1 == 2\">tests/t.py:3: AssertionError</failure></testcase>";

    #[test]
    fn the_infrastructure_is_a_suite_of_its_own_and_no_failing_test() {
        let jobs = vec![
            ("unit".to_owned(), report(PASS_A)),
            ("integration".to_owned(), report(PASS_A)),
        ];
        let mut whole = merge("run", jobs);
        let problem = Problem {
            about: "integration".to_owned(),
            kind: "infrastructure",
            message: "db is unhealthy\nlog".to_owned(),
            harmless: false,
        };
        let told = Problem {
            kind: "no-report",
            harmless: true,
            ..problem.clone()
        };
        let own = infrastructure(&[problem, told], Duration::ZERO);
        assert_eq!((own.errors, own.disabled), (1, 1));
        whole.add_test_suite(own);
        assert_eq!(count(&whole).failed, 0);
        let text = whole.to_string().unwrap();
        assert!(text.contains("name=\"unit: pytest\""), "{text}");
        assert!(text.contains("wharf infrastructure"), "{text}");
    }

    #[test]
    fn a_failed_test_says_where() {
        let failed = failed(&report(FAIL_A));
        assert_eq!(failed[0].name, "t::a");
        assert_eq!(failed[0].text, "tests/t.py:3: AssertionError");
    }
}
