use std::path::{Path, PathBuf};

use super::junit::FailedTest;
use crate::diagnostic::workflow_command;
use crate::model::{MountKind, Project, Service};

/// Finds the files of the caller behind the paths that tests speak of.
pub struct Places {
    /// Path in the container, path here.
    mounts: Vec<(PathBuf, PathBuf)>,
    working_dir: Option<PathBuf>,
    project: PathBuf,
    /// What paths are shown below.
    root: PathBuf,
}

impl Places {
    /// `service`: what the tests ran in; `root`: the checkout's directory.
    pub fn new(project: &Project, service: &Service, root: &Path) -> Self {
        let mounts = service
            .volumes
            .iter()
            .filter(|mount| mount.kind == MountKind::Bind)
            .filter_map(|mount| {
                Some((
                    PathBuf::from(&mount.target),
                    PathBuf::from(mount.source.as_ref()?),
                ))
            })
            .collect();
        Places {
            mounts,
            working_dir: service.working_dir.as_ref().map(PathBuf::from),
            project: project.directory.clone(),
            root: root.to_path_buf(),
        }
    }

    /// A path as the tests write it, as one of the checkout. `None`: no file here is known to be it.
    fn find(&self, written: &str, exists: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
        let written = Path::new(written);
        let mut candidates = Vec::new();
        if written.is_absolute() {
            for (inside, outside) in &self.mounts {
                if let Ok(below) = written.strip_prefix(inside) {
                    candidates.push(outside.join(below));
                }
            }
        } else {
            if let Some(directory) = &self.working_dir {
                for (inside, outside) in &self.mounts {
                    if let Ok(below) = directory.strip_prefix(inside) {
                        candidates.push(outside.join(below).join(written));
                    }
                }
            }
            candidates.extend(self.mounts.iter().map(|(_, outside)| outside.join(written)));
            candidates.push(self.project.join(written));
        }
        let found = candidates.into_iter().find(|path| exists(path))?;
        Some(match found.strip_prefix(&self.root) {
            Ok(below) => below.to_path_buf(),
            Err(_) => found,
        })
    }
}

/// A failed test as a workflow command, which GitHub Actions shows at the test's line.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>
pub fn github(test: &FailedTest, places: &[Places]) -> String {
    github_with(test, places, &|path| path.is_file())
}

/// What went wrong besides failing tests, as a workflow command. `about`: the suite.
pub fn github_problem(about: &str, message: &str) -> String {
    workflow_command("error", &[("title", about.to_owned())], message)
}

fn github_with(test: &FailedTest, places: &[Places], exists: &dyn Fn(&Path) -> bool) -> String {
    let stated = test.file.as_deref().map(|file| (file, test.line));
    // The place where it failed is nearer to the mistake than where the test begins, and the last one is the innermost.
    let traced = test.text.lines().rev().filter_map(place);
    let place = traced
        .map(|(file, line)| (file, Some(line)))
        .chain(stated)
        .find_map(|(file, line)| {
            let found = places.iter().find_map(|places| places.find(file, exists));
            Some((found?, line))
        });
    let mut properties = Vec::new();
    if let Some((file, line)) = place {
        properties.push(("file", file.display().to_string()));
        properties.extend(line.map(|line| ("line", line.to_string())));
    }
    properties.push(("title", test.name.clone()));
    let said = [&test.message, &test.text];
    let message = said.into_iter().find(|text| !text.trim().is_empty());
    let message = message.map_or("the test failed", String::as_str);
    workflow_command("error", &properties, message)
}

/// A line of a traceback: `path/to/file.py:12: what`, `path/to/file.rs:12:7`, `File "/path/to/file.py", line 12, in f`,
/// `at f (/path/to/file.js:12:7)`.
fn place(line: &str) -> Option<(&str, u32)> {
    let line = line.trim();
    if let Some((file, rest)) = line
        .strip_prefix("File \"")
        .and_then(|rest| rest.split_once("\", line "))
    {
        return Some((file, number(rest)?));
    }
    let frame = line.strip_prefix("at ").unwrap_or(line);
    let frame = match frame.rsplit_once('(') {
        Some((_, inner)) if frame.ends_with(')') => inner,
        _ => frame,
    };
    let frame = frame.strip_prefix("file://").unwrap_or(frame);
    let (file, rest) = frame.split_once(':')?;
    let is_path = !file.is_empty() && !file.contains(char::is_whitespace) && file.contains('.');
    Some((file, number(rest)?)).filter(|_| is_path)
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    text.get(..digits.unwrap_or(text.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_shown_in_the_file_that_is_mounted() {
        let service: Service = serde_yaml::from_str(
            "{image: a, volumes: [{type: bind, source: /repo/app, target: /opt/app}]}",
        )
        .unwrap();
        let project = Project {
            directory: "/repo".into(),
            ..Project::default()
        };
        let places = Places::new(&project, &service, Path::new("/repo"));
        let test = FailedTest {
            name: "tests.unit::test_x".into(),
            message: "assert 1 == 2\nmore, 100%".into(),
            text: "tests/unit.py:3: in helper\n    fail()\ntests/unit.py:7: AssertionError".into(),
            ..FailedTest::default()
        };
        let shown = github_with(&test, &[places], &|path| {
            path == Path::new("/repo/app/tests/unit.py")
        });
        assert_eq!(
            shown,
            "::error file=app/tests/unit.py,line=7,title=tests.unit%3A%3Atest_x::assert 1 == 2%0Amore, 100%25"
        );
    }

    #[test]
    fn a_failure_without_a_file_here_is_shown_all_the_same() {
        let places = Places::new(&Project::default(), &Service::default(), Path::new("/r"));
        let test = FailedTest {
            name: "x".into(),
            text: "elsewhere.py:1: boom".into(),
            ..FailedTest::default()
        };
        let shown = github_with(&test, &[places], &|_| false);
        assert_eq!(shown, "::error title=x::elsewhere.py:1: boom");
    }

    #[test]
    fn the_tracebacks_of_the_common_languages_are_understood() {
        assert_eq!(place("  tests/t.py:3: in helper"), Some(("tests/t.py", 3)));
        assert_eq!(place("src/lib.rs:12:7"), Some(("src/lib.rs", 12)));
        assert_eq!(
            place("  File \"/src/t/a.py\", line 12, in test_x"),
            Some(("/src/t/a.py", 12))
        );
        let frames = [
            "at f (/src/a.js:3:5)",
            "at file:///src/a.js:3:5",
            "f (/src/a.js:3:5)",
        ];
        for frame in frames {
            assert_eq!(place(frame), Some(("/src/a.js", 3)), "{frame}");
        }
        assert_eq!(place("Error: 3"), None);
        assert_eq!(place("at 12:30"), None);
    }

    #[test]
    fn a_failure_without_words_says_that_it_is_one() {
        let test = FailedTest {
            name: "x".into(),
            ..FailedTest::default()
        };
        assert_eq!(github(&test, &[]), "::error title=x::the test failed");
    }
}
