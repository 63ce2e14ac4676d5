use std::time::Duration;

pub use quick_junit::Report;
use quick_junit::{FlakyOrRerun, NonSuccessKind, TestCase, TestCaseStatus, TestRerun, TestSuite};
use serde::{Deserialize, Serialize};

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

/// Reads a report, also one whose root is a single suite. `None`: it is no JUnit report that can be read.
pub fn read(text: &str) -> Option<Report> {
    let body = text.trim_start_matches('\u{feff}').trim_start();
    let body = match body.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>")?.1.trim_start(),
        None => body,
    };
    if !body.starts_with("<testsuite") {
        return None;
    }
    let suites = body.starts_with("<testsuites");
    let named = suites && body[..body.find('>')?].contains(" name=");
    let whole = match (suites, named) {
        (true, true) => body.to_owned(),
        (true, false) => body.replacen("<testsuites", "<testsuites name=\"tests\"", 1),
        (false, _) => format!("<testsuites name=\"tests\">{body}</testsuites>"),
    };
    Report::deserialize_from_str(&whole).ok()
}

/// One report of several attempts at the same tests: the last result of each test counts, the failures before it are
/// kept with it as `flakyFailure` or `rerunFailure`.
/// <https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html>
pub fn fold_attempts(attempts: Vec<Report>) -> Option<Report> {
    let mut attempts = attempts.into_iter();
    let mut whole = attempts.next()?;
    for later in attempts {
        for suite in later.test_suites {
            let Some(own) = whole
                .test_suites
                .iter_mut()
                .find(|own| own.name == suite.name)
            else {
                whole.add_test_suite(suite);
                continue;
            };
            for mut case in suite.test_cases {
                let before = own
                    .test_cases
                    .iter_mut()
                    .find(|own| own.name == case.name && own.classname == case.classname);
                match before {
                    Some(before) => {
                        case.status.add_reruns(reruns(before));
                        case.status.set_rerun_kind(FlakyOrRerun::Rerun);
                        *before = case;
                    }
                    None => own.test_cases.push(case),
                }
            }
        }
    }
    recount(&mut whole);
    Some(whole)
}

/// The failures of a test so far, oldest first.
fn reruns(case: &TestCase) -> Vec<TestRerun> {
    match &case.status {
        TestCaseStatus::Success { flaky_runs } => flaky_runs.clone(),
        TestCaseStatus::NonSuccess {
            kind,
            message,
            ty,
            description,
            reruns,
        } => {
            let mut all = reruns.runs.clone();
            let mut run = TestRerun::new(*kind);
            run.time = case.time;
            run.message.clone_from(message);
            run.ty.clone_from(ty);
            run.description.clone_from(description);
            all.push(run);
            all
        }
        TestCaseStatus::Skipped { .. } => Vec::new(),
    }
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

/// A suite with what went wrong around the tests: what it is about, what kind of problem, and what happened.
pub fn infrastructure(problems: &[(String, &'static str, String)], took: Duration) -> TestSuite {
    let mut suite = TestSuite::new(INFRASTRUCTURE);
    for (about, kind, message) in problems {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let first = message.lines().next().unwrap_or_default().to_owned();
        status
            .set_type(*kind)
            .set_message(first)
            .set_description(message.clone());
        let mut case = TestCase::new(about.clone(), status);
        case.set_classname(*kind);
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
        read(&format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\" errors=\"0\" failures=\"1\" skipped=\"0\" tests=\"2\" time=\"0.01\" timestamp=\"2026-11-21T04:00:00.123456+00:00\" hostname=\"h\">{cases}</testsuite></testsuites>"
        ))
        .unwrap()
    }

    const PASS_A: &str = "<testcase classname=\"t\" name=\"a\" time=\"0.001\" />";
    const FAIL_A: &str = "<testcase classname=\"t\" name=\"a\" time=\"0.001\"><failure message=\"assert 1 == 2\">tests/t.py:3: AssertionError</failure></testcase>";
    const FAIL_B: &str =
        "<testcase classname=\"t\" name=\"b\"><failure message=\"no\">x</failure></testcase>";

    #[test]
    fn a_test_that_passes_at_last_is_flaky_and_one_that_does_not_is_rerun() {
        let first = report(&format!("{FAIL_A}{FAIL_B}"));
        let second = report(&format!("{PASS_A}{FAIL_B}"));
        let whole = fold_attempts(vec![first, second]).unwrap();
        let expected = Counts {
            tests: 2,
            failed: 1,
            skipped: 0,
            flaky: 1,
        };
        assert_eq!(count(&whole), expected);
        let text = whole.to_string().unwrap();
        assert!(text.contains("<flakyFailure"), "{text}");
        assert!(text.contains("<rerunFailure"), "{text}");
    }

    #[test]
    fn a_second_attempt_may_run_only_what_failed() {
        let whole = fold_attempts(vec![
            report(&format!("{PASS_A}{FAIL_B}")),
            report("<testcase classname=\"t\" name=\"b\" />"),
        ]);
        let counts = count(&whole.unwrap());
        assert_eq!((counts.tests, counts.failed, counts.flaky), (2, 0, 1));
    }

    #[test]
    fn the_infrastructure_is_a_suite_of_its_own_and_no_failing_test() {
        let jobs = vec![
            ("unit".to_owned(), report(PASS_A)),
            ("integration".to_owned(), report(PASS_A)),
        ];
        let mut whole = merge("run", jobs);
        let problem = (
            "integration".to_owned(),
            "infrastructure",
            "db is unhealthy\nlog".to_owned(),
        );
        whole.add_test_suite(infrastructure(&[problem], Duration::ZERO));
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

    #[test]
    fn what_is_no_report_is_not_one() {
        assert!(read("").is_none());
        assert!(read("<testsuites name=\"a\"><testsuite").is_none());
        assert!(read("not xml").is_none());
    }
}
