use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::element::{Element, parse};

/// What a report or a suite is called that does not say.
const UNNAMED: &str = "tests";

/// Files of one directory that are read as reports, at most.
const MOST_FILES: usize = 20_000;

/// What a path that tests leave says about them.
#[derive(Debug, Default)]
pub struct Reading {
    /// `None`: nothing of it is a report that can be read.
    pub report: Option<Report>,
    /// What could not be read of it, and why.
    pub problems: Vec<String>,
}

/// Reads a report, or all reports (`*.xml`) of a directory and of those below it, as one.
///
/// The schema that everybody quotes is kept by nobody, so that what the common writers write is read:
/// <https://github.com/testmoapp/junitxml>. Other XML files of a directory are passed over.
pub fn read_path(path: &Path) -> Reading {
    let mut reading = Reading::default();
    let problem = |path: &Path, why: String| format!("`{}`: {why}", path.display());
    if !path.is_dir() {
        match std::fs::read(path) {
            Err(error) => reading.problems.push(problem(path, error.to_string())),
            Ok(bytes) => match read(&bytes) {
                Ok(report) => reading.report = Some(report),
                Err(why) => reading.problems.push(problem(path, why)),
            },
        }
        return reading;
    }
    let files = match xml_files(path) {
        Ok(files) => files,
        Err(error) => {
            reading.problems.push(problem(path, error.to_string()));
            return reading;
        }
    };
    for file in files {
        let read = std::fs::read(&file)
            .map_err(|error| error.to_string())
            .and_then(|bytes| parse(&decoded(&bytes)));
        match read {
            Ok(root) if !is_report(&root) => {}
            Ok(root) => {
                let one = report(&root);
                let whole = reading
                    .report
                    .get_or_insert_with(|| Report::new(UNNAMED.to_owned()));
                whole.add_test_suites(one.test_suites);
            }
            Err(why) => reading.problems.push(problem(&file, why)),
        }
    }
    if reading.report.is_none() && reading.problems.is_empty() {
        let why = "there is no JUnit report in it".to_owned();
        reading.problems.push(problem(path, why));
    }
    reading
}

/// Reads a report, also one whose root is a single suite.
///
/// # Errors
/// Why it is none, in words.
pub fn read(bytes: &[u8]) -> Result<Report, String> {
    let root = parse(&decoded(bytes))?;
    if !is_report(&root) {
        return Err(format!(
            "it begins with `<{}>`, and a JUnit report with `<testsuites>` or `<testsuite>`",
            root.name
        ));
    }
    Ok(report(&root))
}

fn is_report(root: &Element) -> bool {
    matches!(root.name.as_str(), "testsuites" | "testsuite")
}

/// Sorted, so that two runs give the same report. Links are not followed: what is copied out of a container has none.
fn xml_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "xml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.truncate(MOST_FILES);
    Ok(files)
}

/// The text of a file in one of the encodings that reports are written in. What does not fit becomes U+FFFD.
fn decoded(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| of([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return wide(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let prolog = bytes.strip_prefix(b"<?xml").unwrap_or_default();
    let end = prolog.iter().position(|byte| *byte == b'>').unwrap_or(0);
    let prolog = String::from_utf8_lossy(prolog.get(..end).unwrap_or_default());
    let prolog = prolog.to_ascii_lowercase();
    let one_byte = ["iso-8859-1", "latin1", "windows-1252"];
    if one_byte.iter().any(|name| prolog.contains(name)) && std::str::from_utf8(bytes).is_err() {
        return bytes.iter().map(|byte| char::from(*byte)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

fn report(root: &Element) -> Report {
    let mut report = Report::new(root.attribute("name").unwrap_or(UNNAMED));
    report.timestamp = root.attribute("timestamp").and_then(timestamp);
    report.time = root.attribute("time").and_then(seconds);
    let name = match root.name.as_str() {
        "testsuite" => Some(root.attribute("name").unwrap_or(UNNAMED)),
        // Its name is the report's.
        _ => None,
    };
    suites(root, name, &mut report);
    report
}

/// Adds a suite, then those in it under `outer.inner`. `name`: `None` for the root of several suites, which is none itself.
fn suites(element: &Element, name: Option<&str>, report: &mut Report) {
    let cases: Vec<TestCase> = element
        .children
        .iter()
        .filter(|child| child.name == "testcase")
        .map(test_case)
        .collect();
    let inner = || {
        element
            .children
            .iter()
            .filter(|child| child.name == "testsuite")
    };
    let is_suite = name.is_some() && inner().next().is_none();
    if is_suite || !cases.is_empty() {
        let mut suite = TestSuite::new(name.unwrap_or(report.name.as_str()));
        suite.timestamp = element.attribute("timestamp").and_then(timestamp);
        suite.time = element.attribute("time").and_then(seconds);
        suite.properties = properties(element);
        suite.system_out = element.text_of("system-out").map(Into::into);
        suite.system_err = element.text_of("system-err").map(Into::into);
        // Counted again, because nobody agrees on what they count.
        let counts = ["tests", "failures", "errors", "skipped", "disabled"];
        suite.extra = extra(element, &counts);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    for child in inner() {
        let own = child.attribute("name");
        let name = match (name, own) {
            (Some(outer), Some(own)) if outer != UNNAMED => format!("{outer}.{own}"),
            (_, Some(own)) => own.to_owned(),
            (Some(outer), None) => outer.to_owned(),
            (None, None) => UNNAMED.to_owned(),
        };
        suites(child, Some(&name), report);
    }
}

fn test_case(element: &Element) -> TestCase {
    let class = element.attribute("classname");
    let name = element
        .attribute("name")
        .or(class)
        .unwrap_or("a test without a name");
    let mut case = TestCase::new(name, status(element));
    case.classname = class.map(Into::into);
    case.assertions = element
        .attribute("assertions")
        .and_then(|count| count.parse().ok());
    case.timestamp = element.attribute("timestamp").and_then(timestamp);
    case.time = element.attribute("time").and_then(seconds);
    case.properties = properties(element);
    case.system_out = element.text_of("system-out").map(Into::into);
    case.system_err = element.text_of("system-err").map(Into::into);
    case.extra = extra(element, &["classname", "assertions"]);
    case
}

/// The first failure decides, whatever stands beside it.
fn status(element: &Element) -> TestCaseStatus {
    let kind = |name: &str| match name {
        "failure" => Some(NonSuccessKind::Failure),
        "error" => Some(NonSuccessKind::Error),
        _ => None,
    };
    let failed = element
        .children
        .iter()
        .find_map(|child| Some((kind(&child.name)?, child)));
    let skipped = element
        .children
        .iter()
        .find(|child| child.name == "skipped");
    let (mut status, told) = match (failed, skipped) {
        (Some((kind, told)), _) => (TestCaseStatus::non_success(kind), told),
        (None, Some(told)) => (TestCaseStatus::skipped(), told),
        (None, None) => {
            let mut status = TestCaseStatus::success();
            status.add_reruns(element.children.iter().filter_map(rerun));
            return status;
        }
    };
    if let Some(message) = told.attribute("message") {
        status.set_message(message);
    }
    if let Some(kind) = told.attribute("type") {
        status.set_type(kind);
    }
    if !told.text.trim().is_empty() {
        status.set_description(told.text.as_str());
    }
    let flaky = |child: &Element| child.name.starts_with("flaky");
    if element.children.iter().any(flaky) {
        status.set_rerun_kind(FlakyOrRerun::Flaky);
    }
    status.add_reruns(element.children.iter().filter_map(rerun));
    status
}

/// An earlier run of the same test. `None`: the element is something else.
fn rerun(element: &Element) -> Option<TestRerun> {
    let kind = match element.name.as_str() {
        "flakyFailure" | "rerunFailure" => NonSuccessKind::Failure,
        "flakyError" | "rerunError" => NonSuccessKind::Error,
        _ => return None,
    };
    let mut rerun = TestRerun::new(kind);
    rerun.timestamp = element.attribute("timestamp").and_then(timestamp);
    rerun.time = element.attribute("time").and_then(seconds);
    rerun.message = element.attribute("message").map(Into::into);
    rerun.ty = element.attribute("type").map(Into::into);
    rerun.stack_trace = element.text_of("stackTrace").map(Into::into);
    rerun.system_out = element.text_of("system-out").map(Into::into);
    rerun.system_err = element.text_of("system-err").map(Into::into);
    let text = element.text.as_str();
    rerun.description = (!text.trim().is_empty()).then(|| text.into());
    Some(rerun)
}

fn properties(element: &Element) -> Vec<Property> {
    element
        .children
        .iter()
        .filter(|child| child.name == "properties")
        .flat_map(|list| &list.children)
        .filter(|child| child.name == "property")
        .map(|property| {
            let value = property.attribute("value").unwrap_or(&property.text);
            Property::new(property.attribute("name").unwrap_or_default(), value)
        })
        .collect()
}

/// Attributes that have no place of their own. `known` ones have, beside those that every element has.
fn extra(
    element: &Element,
    known: &[&str],
) -> indexmap::IndexMap<quick_junit::XmlString, quick_junit::XmlString> {
    element
        .attributes
        .iter()
        .filter(|(name, _)| {
            let own = ["name", "time", "timestamp"].contains(&name.as_str());
            !own && !known.contains(&name.as_str())
        })
        .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
        .collect()
}

/// A number of seconds, also one with its thousands set apart (`1,234.5`) or a decimal comma. `None`: it is none.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let number = match text.rsplit_once(',') {
        Some((whole, part)) if !text.contains('.') && !whole.contains(',') && part.len() != 3 => {
            format!("{whole}.{part}")
        }
        _ => text.replace(',', ""),
    };
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

/// RFC 3339 or, as the schema has it, without a zone; then it is UTC. `None`: it is something else.
fn timestamp(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    zoned.ok().or_else(|| {
        let text = text.replacen(' ', "T", 1);
        let naive = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(naive.and_utc().fixed_offset())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{count, failed};
    use super::*;

    fn counted(text: &str) -> (usize, usize, usize) {
        let counts = count(&read(text.as_bytes()).unwrap());
        (counts.tests, counts.failed, counts.skipped)
    }

    #[test]
    fn every_dialect_is_read() {
        const CASE: &str = "<testcase name=\"a\"><failure message=\"m\">t</failure></testcase>";
        for around in [
            (
                "<testsuite timestamp=\"2024-01-05T10:11:12\">",
                "</testsuite>",
            ),
            (
                "<testsuites timestamp=\"2024-01-05T10:11:12\"><testsuite name=\"s\">",
                "</testsuite></testsuites>",
            ),
            ("<!-- c --><testsuite name=\"s\">", "</testsuite>"),
            (
                "<?xml version=\"1.0\"?>\n<!DOCTYPE testsuite>\n<testsuite name=\"s\">",
                "</testsuite>\n<!-- end -->",
            ),
            (
                "<testsuites id=\"a>b\" name=\"n\"><testsuite name=\"s\">",
                "</testsuite></testsuites>",
            ),
            (
                "<testsuite name=\"s\" time=\"1,234.5\" tests=\"1.0\">",
                "</testsuite>",
            ),
            (
                "<testsuite name=\"s\" time=\"\" tests=\"\">",
                "</testsuite>",
            ),
            ("<testsuite>", "</testsuite>"),
            ("<testsuites>", "</testsuites>"),
            (
                "<testsuite name=\"o\"><testsuite name=\"i\">",
                "</testsuite></testsuite>",
            ),
        ] {
            let text = format!("{}{CASE}{}", around.0, around.1);
            assert_eq!(counted(&text), (1, 1, 0), "{text}");
        }
    }

    #[test]
    fn the_first_failure_of_a_test_decides() {
        let text = "<testsuite><testcase><skipped/><failure message=\"one &#x1b;[1m\"/><error message=\"two\"/></testcase><testcase name=\"b\"><skipped/></testcase></testsuite>";
        assert_eq!(counted(text), (2, 1, 1));
        let report = read(text.as_bytes()).unwrap();
        assert!(failed(&report)[0].message.starts_with("one"));
        assert!(report.to_string().is_ok());
    }

    #[test]
    fn nested_suites_become_suites_with_their_path() {
        let text = "<testsuites><testsuite name=\"o\"><testcase name=\"own\"/><testsuite name=\"x\"><properties><property name=\"k\" value=\"v\"></property><property name=\"l\">w</property></properties><testcase name=\"a\"><failure/></testcase></testsuite></testsuite></testsuites>";
        let report = read(text.as_bytes()).unwrap();
        let names: Vec<&str> = report
            .test_suites
            .iter()
            .map(|suite| suite.name.as_str())
            .collect();
        assert_eq!(names, ["o", "o.x"]);
        let written = report.to_string().unwrap();
        assert!(
            written.contains("value=\"v\"") && written.contains("value=\"w\""),
            "{written}"
        );
    }

    #[test]
    fn times_and_zones_are_understood() {
        let millis = |text| seconds(text).map(|time| time.as_millis());
        assert_eq!(millis("1,234.5"), Some(1_234_500));
        assert_eq!(millis("1,234"), Some(1_234_000));
        assert_eq!(millis("0,25"), Some(250));
        assert_eq!(millis(""), None);
        assert_eq!(millis("-1"), None);
        assert_eq!(millis("1e300"), None);
        let utc = "2024-01-05T10:11:12+00:00";
        for text in [
            "2024-01-05T10:11:12",
            "2024-01-05 10:11:12",
            "2024-01-05T11:11:12+0100",
        ] {
            let at = timestamp(text).unwrap();
            assert_eq!(at, DateTime::parse_from_rfc3339(utc).unwrap(), "{text}");
        }
    }

    #[test]
    fn other_encodings_are_read() {
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite name=\"caf\xe9\"><testcase name=\"a\"/></testsuite>";
        assert_eq!(
            read(latin).unwrap().test_suites[0].name.as_str(),
            "caf\u{e9}"
        );
        let text = "<testsuite name=\"w\"><testcase/></testsuite>";
        let wide: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(count(&read(&wide).unwrap()).tests, 1);
    }

    #[test]
    fn a_directory_is_all_its_reports() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("deep")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        write(
            "b.xml",
            "<testsuite name=\"b\"><testcase name=\"x\"/></testsuite>",
        );
        write(
            "deep/a.xml",
            "<testsuite name=\"a\"><testcase name=\"y\"><error/></testcase></testsuite>",
        );
        write("pom.xml", "<project/>");
        write("notes.txt", "<testsuite><testcase/></testsuite>");
        let reading = read_path(root);
        assert_eq!(count(&reading.report.unwrap()).tests, 2);
        assert!(reading.problems.is_empty(), "{:?}", reading.problems);
        write("cut.xml", "<testsuite><testcase>");
        assert!(read_path(root).problems[0].contains("cut.xml"));
    }

    #[test]
    fn what_is_no_report_says_why() {
        assert!(read(b"").unwrap_err().contains("no element"));
        assert!(read(b"<html/>").unwrap_err().contains("`<html>`"));
        assert!(read(b"<testsuites name=\"a\"><testsuite").is_err());
    }
}
