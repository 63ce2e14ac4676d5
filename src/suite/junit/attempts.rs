use std::collections::{HashMap, HashSet};

use quick_junit::{FlakyOrRerun, Report, TestCase, TestCaseStatus, TestRerun};

use super::recount;

/// What tells tests apart: suite, class and name. Parametrised tests, and a test and its tear-down, may share all three.
type Key = (String, Option<String>, String);

/// One report of several attempts at the same tests, `None` for each that left none: the last result of each test counts,
/// the failures before it are kept with it as `flakyFailure` or `rerunFailure`.
/// <https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html>
///
/// Of several tests of one name the n-th is the n-th of the next attempt. `passed`: the last attempt ended with exit code 0,
/// so that a failure of which it says nothing is over: a collection that failed, for example.
pub fn fold_attempts(attempts: Vec<Option<Report>>, passed: bool) -> Option<Report> {
    let last = attempts.last().and_then(Option::as_ref).map(keys);
    let mut attempts = attempts.into_iter().flatten();
    let mut whole = attempts.next()?;
    for later in attempts {
        fold(&mut whole, later);
    }
    if passed {
        let told: HashSet<Key> = last.unwrap_or_default().into_iter().collect();
        for suite in &mut whole.test_suites {
            let name = suite.name.as_str().to_owned();
            for case in &mut suite.test_cases {
                let failed = matches!(case.status, TestCaseStatus::NonSuccess { .. });
                if failed && !told.contains(&key(&name, case)) {
                    let mut status = TestCaseStatus::success();
                    status.add_reruns(reruns(case));
                    case.status = status;
                }
            }
        }
    }
    recount(&mut whole);
    Some(whole)
}

fn key(suite: &str, case: &TestCase) -> Key {
    let class = case.classname.as_ref();
    (
        suite.to_owned(),
        class.map(|class| class.as_str().to_owned()),
        case.name.as_str().to_owned(),
    )
}

fn keys(report: &Report) -> Vec<Key> {
    let suites = report.test_suites.iter();
    suites
        .flat_map(|suite| {
            let cases = suite.test_cases.iter();
            cases.map(|case| key(suite.name.as_str(), case))
        })
        .collect()
}

/// Takes a later attempt in.
fn fold(whole: &mut Report, later: Report) {
    // Where the tests of each name stand: suite and case.
    let mut places: HashMap<Key, Vec<(usize, usize)>> = HashMap::new();
    for (at, suite) in whole.test_suites.iter().enumerate() {
        for (number, case) in suite.test_cases.iter().enumerate() {
            let place = places.entry(key(suite.name.as_str(), case)).or_default();
            place.push((at, number));
        }
    }
    let mut seen: HashMap<Key, usize> = HashMap::new();
    for mut suite in later.test_suites {
        let cases = std::mem::take(&mut suite.test_cases);
        let name = suite.name.clone();
        let mut new = Vec::new();
        for mut case in cases {
            let key = key(name.as_str(), &case);
            let count = seen.entry(key.clone()).or_default();
            let place = places.get(&key).and_then(|places| places.get(*count));
            *count += 1;
            let before = place.and_then(|(suite, number)| {
                whole
                    .test_suites
                    .get_mut(*suite)?
                    .test_cases
                    .get_mut(*number)
            });
            match before {
                Some(before) => {
                    case.status.add_reruns(reruns(before));
                    case.status.set_rerun_kind(FlakyOrRerun::Rerun);
                    *before = case;
                }
                None => new.push(case),
            }
        }
        let own = whole.test_suites.iter_mut().find(|own| own.name == name);
        match own {
            Some(own) => own.test_cases.extend(new),
            None => {
                suite.test_cases = new;
                whole.test_suites.push(suite);
            }
        }
    }
    drop_surplus(whole, &places, &seen);
}

/// Of a name that stands more often in the earlier attempts, what is left over goes; its failures stay with the last one.
fn drop_surplus(
    whole: &mut Report,
    places: &HashMap<Key, Vec<(usize, usize)>>,
    seen: &HashMap<Key, usize>,
) {
    let mut gone: HashSet<(usize, usize)> = HashSet::new();
    for (key, count) in seen {
        let Some((kept, surplus)) = places.get(key).and_then(|all| all.split_at_checked(*count))
        else {
            continue;
        };
        let Some((suite, number)) = kept.last() else {
            continue;
        };
        let mut failures = Vec::new();
        for place in surplus {
            let case = whole.test_suites.get(place.0);
            let case = case.and_then(|suite| suite.test_cases.get(place.1));
            failures.extend(case.map(reruns).unwrap_or_default());
            gone.insert(*place);
        }
        let last = whole.test_suites.get_mut(*suite);
        if let Some(last) = last.and_then(|suite| suite.test_cases.get_mut(*number)) {
            last.status.add_reruns(failures);
        }
    }
    if gone.is_empty() {
        return;
    }
    for (at, suite) in whole.test_suites.iter_mut().enumerate() {
        let mut number = 0;
        suite.test_cases.retain(|_| {
            number += 1;
            !gone.contains(&(at, number - 1))
        });
    }
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

#[cfg(test)]
mod tests {
    use super::super::{Counts, count, read};
    use super::*;

    const PASS_A: &str = "<testcase classname=\"t\" name=\"a\" time=\"0.001\" />";
    const FAIL_A: &str = "<testcase classname=\"t\" name=\"a\"><failure message=\"assert 1 == 2\">tests/t.py:3: AssertionError</failure></testcase>";
    const FAIL_B: &str =
        "<testcase classname=\"t\" name=\"b\"><failure message=\"no\">x</failure></testcase>";
    const PASS_B: &str = "<testcase classname=\"t\" name=\"b\" />";

    fn report(cases: &str) -> Option<Report> {
        let text = format!("<testsuite name=\"pytest\">{cases}</testsuite>");
        Some(read(text.as_bytes()).unwrap())
    }

    fn counts(attempts: &[Option<&str>], passed: bool) -> (usize, usize, usize) {
        let attempts = attempts.iter().map(|one| one.and_then(report)).collect();
        let Counts {
            tests,
            failed,
            flaky,
            ..
        } = count(&fold_attempts(attempts, passed).unwrap());
        (tests, failed, flaky)
    }

    #[test]
    fn a_test_that_passes_at_last_is_flaky_and_one_that_does_not_is_rerun() {
        let first = report(&format!("{FAIL_A}{FAIL_B}"));
        let second = report(&format!("{PASS_A}{FAIL_B}"));
        let whole = fold_attempts(vec![first, second], false).unwrap();
        let counts = count(&whole);
        assert_eq!((counts.tests, counts.failed, counts.flaky), (2, 1, 1));
        let text = whole.to_string().unwrap();
        assert!(text.contains("<flakyFailure"), "{text}");
        assert!(text.contains("<rerunFailure"), "{text}");
    }

    #[test]
    fn a_second_attempt_may_run_only_what_failed() {
        let first = format!("{PASS_A}{FAIL_B}");
        assert_eq!(counts(&[Some(&first), Some(PASS_B)], true), (2, 0, 1));
    }

    #[test]
    fn tests_of_one_name_are_matched_in_their_order() {
        let both = format!("{FAIL_A}{FAIL_A}");
        let passed = format!("{PASS_A}{PASS_A}");
        assert_eq!(counts(&[Some(&both), Some(&passed)], true), (2, 0, 2));
        // A test that failed, and its tear-down too.
        assert_eq!(counts(&[Some(&both), Some(PASS_A)], true), (1, 0, 1));
        let second = format!("{PASS_A}{FAIL_A}");
        assert_eq!(counts(&[Some(&second), Some(&second)], false), (2, 1, 0));
    }

    #[test]
    fn what_the_attempt_that_passed_does_not_tell_of_is_over() {
        assert_eq!(counts(&[Some(FAIL_B), Some(PASS_A)], true), (2, 0, 1));
        assert_eq!(counts(&[Some(FAIL_B), Some(PASS_A)], false), (2, 1, 0));
        assert_eq!(counts(&[Some(FAIL_B), None], true), (1, 0, 1));
        assert_eq!(
            counts(&[Some(FAIL_B)], true),
            (1, 1, 0),
            "as it says itself"
        );
    }
}
