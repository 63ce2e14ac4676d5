use super::junit::FailedTest;
use super::ports::OpenPort;
use super::record::Summary;

/// Failed tests that are named; GitHub shows a megabyte of a step's summary at most.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary>
pub const MOST_FAILED: usize = 500;
/// Characters of what a failed test says.
const MOST_WORDS: usize = 300;

impl Summary {
    /// The summary for people, as GitHub and GitLab show it.
    pub fn markdown(&self, failed: &[FailedTest]) -> String {
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        let mut text = format!("## Tests {}\n\n", self.verdict.word());
        text.push_str("| suite | verdict | tests | failed | skipped | flaky | start-up | tests | clean-up |\n");
        text.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
        for job in &self.jobs {
            let tests = job.tests;
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                cell(&job.name),
                job.verdict.word(),
                tests.tests,
                tests.failed,
                tests.skipped,
                tests.flaky,
                seconds(job.phases.start_up),
                seconds(job.phases.tests),
                seconds(job.phases.collect + job.phases.clean_up),
            ));
        }
        for job in &self.jobs {
            let reason = job.reason.clone().or_else(|| job.unreported_failure());
            if let Some(reason) = reason {
                text.push_str(&format!("\n### {}\n\n{}", job.name, fenced(&reason)));
            }
            if let Some(problem) = &job.no_report {
                text.push_str(&format!("\n{}: {}\n", job.name, cell(problem)));
            }
            if !job.missing.is_empty() {
                let missing = cell(&job.missing.join(", "));
                text.push_str(&format!(
                    "\n{}: declared artifacts that the tests have not left: {missing}\n",
                    job.name
                ));
            }
        }
        if !failed.is_empty() {
            text.push_str("\n### Failed tests\n\n");
        }
        for test in failed.iter().take(MOST_FAILED) {
            let (name, words) = (code(&test.name), cell(&first_words(test)));
            text.push_str(&format!("- {name}: {words}\n"));
        }
        if failed.len() > MOST_FAILED {
            let more = failed.len() - MOST_FAILED;
            text.push_str(&format!("\nand {more} more; `junit.xml` has them all\n"));
        }
        let ports: Vec<&OpenPort> = self.jobs.iter().flat_map(|job| &job.ports).collect();
        if !ports.is_empty() {
            text.push_str("\n| service | port | address |\n|---|--:|---|\n");
        }
        for port in ports {
            text.push_str(&format!(
                "| {} | {}/{} | {} |\n",
                port.service,
                port.port,
                port.protocol,
                port.address()
            ));
        }
        if self.kept {
            text.push_str("\nThe stack was kept; `wharf test --list` shows what still stands.\n");
        }
        text.push_str(&format!("\nRun `{}` of `{}`", self.run, self.project));
        if let Some(revision) = &self.revision {
            let dirty = if self.dirty { ", with changes" } else { "" };
            text.push_str(&format!(", commit {revision}{dirty}"));
        }
        text + ".\n"
    }
}

/// Text that stays within its cell of a table, or its item of a list.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Text as code, whatever is in it. <https://spec.commonmark.org/0.31.2/#code-spans>
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let mark = "`".repeat(longest_run(&text) + 1);
    match text.contains('`') {
        true => format!("{mark} {text} {mark}"),
        false => format!("`{text}`"),
    }
}

/// Text as a block of code, which no line of it ends.
fn fenced(text: &str) -> String {
    let mark = "`".repeat(longest_run(text).max(2) + 1);
    format!("{mark}\n{text}\n{mark}\n")
}

/// The most backquotes in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// What a failed test says first; where its message is empty, its text.
fn first_words(test: &FailedTest) -> String {
    let mut lines = test.message.lines().chain(test.text.lines());
    let first = lines.find(|line| !line.trim().is_empty());
    let mut words: String = first.unwrap_or_default().chars().take(MOST_WORDS).collect();
    if first.is_some_and(|line| line.len() > words.len()) {
        words.push_str("..");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::record::{Ending, JobSummary};
    use super::*;

    fn failed(name: &str, message: &str, text: &str) -> FailedTest {
        FailedTest {
            name: name.into(),
            message: message.into(),
            text: text.into(),
            ..FailedTest::default()
        }
    }

    #[test]
    fn names_and_words_stay_in_their_lines() {
        let summary = Summary::default();
        let text = summary.markdown(&[
            failed("a`b\nc", "x|y\nmore", ""),
            failed("d", "", "\n  only the text\nmore"),
        ]);
        assert!(text.contains("- `` a`b c ``: x\\|y\n"), "{text}");
        assert!(text.contains("- `d`:   only the text\n"), "{text}");
    }

    #[test]
    fn a_summary_has_an_end() {
        let many: Vec<FailedTest> = (0..30_000)
            .map(|number| failed(&format!("t{number}"), &"m".repeat(1000), ""))
            .collect();
        let text = Summary::default().markdown(&many);
        assert!(text.len() < 500_000, "{}", text.len());
        assert!(
            text.contains("and 29500 more"),
            "{}",
            &text[text.len() - 200..]
        );
    }

    #[test]
    fn tests_that_say_nothing_in_a_report_are_quoted() {
        let mut summary = Summary::default();
        summary.conclude(vec![JobSummary {
            name: "unit".into(),
            verdict: Ending::Failed,
            exit_code: Some(1),
            last_words: vec!["```".into(), "boom".into()],
            missing: vec!["`shots` (`/shots`)".into()],
            ..JobSummary::default()
        }]);
        let text = summary.markdown(&[]);
        assert!(
            text.contains("````\nthe tests failed with exit code 1\n"),
            "{text}"
        );
        assert!(text.contains("```\nboom\n````\n"), "{text}");
        assert!(text.contains("`shots`"), "{text}");
    }
}
