use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::chosen::Chosen;
use super::exit;
use super::stack::Stack;
use crate::cli::context::Context;
use crate::cli::{Exit, Failure};
use crate::report::{Tone, prose};
use crate::suite::{
    self, Ending, GreenRun, Job, JobSummary, KEPT_RUNS, Places, Report, Revision, Summary,
};

/// What a run writes about itself: where it stands from an earlier run in the same directory, it would be taken for this one's.
const OWN: [&str; 4] = [
    "summary.json",
    "summary.md",
    "junit.xml",
    "infrastructure.xml",
];

/// Failed tests that are shown at their lines; GitHub shows ten of a step, and everybody reads them in the log.
const MOST_ANNOTATIONS: usize = 100;

/// What is written about a run.
pub struct Recording {
    summary: Summary,
    output: PathBuf,
    /// What was in there before.
    before: BTreeSet<String>,
    revision: tokio::task::JoinHandle<Option<Revision>>,
    places: Vec<Places>,
}

impl Recording {
    /// Makes the directory of a run.
    pub fn begin(
        context: &Context,
        chosen: &Chosen,
        id: &str,
        output: Option<&Path>,
    ) -> Result<Recording, Failure> {
        let kept = match context.environment.get("WHARF_KEPT_RUNS") {
            None => KEPT_RUNS,
            Some(text) => text.parse().map_err(|_| {
                Failure::Usage(format!(
                    "`WHARF_KEPT_RUNS={text}` is no number of runs whose results are kept"
                ))
            })?,
        };
        let output = match output {
            Some(directory) => {
                let directory = context.environment.working_directory.join(directory);
                std::fs::create_dir_all(&directory)
                    .and_then(|()| clear(&directory))
                    .map(|()| directory.clone())
                    .map_err(|error| {
                        let shown = directory.display();
                        format!("cannot put the results into `{shown}`: {error}")
                    })
            }
            None => suite::directory(&chosen.directory, id, kept)
                .map(|(directory, stuck)| {
                    for old in stuck {
                        context
                            .console
                            .warn(&format!("old results cannot be removed: {old}"));
                    }
                    directory
                })
                .map_err(|error| {
                    let shown = chosen.directory.join(".wharf/runs");
                    format!(
                        "cannot make a directory for the results in `{}`: {error}\nhelp: `--output DIR` puts them elsewhere",
                        shown.display()
                    )
                }),
        }
        .map_err(Failure::Usage)?;
        let before = names_in(&output);
        let (directory, environment) = (chosen.directory.clone(), context.environment.clone());
        Ok(Recording {
            summary: Summary {
                run: id.to_owned(),
                project: chosen.name.clone(),
                env: chosen.env.clone(),
                started: now(),
                ..Summary::default()
            },
            revision: {
                let results = output.clone();
                tokio::spawn(
                    async move { suite::revision(&directory, &results, &environment).await },
                )
            },
            output,
            before,
            places: Vec::new(),
        })
    }

    /// Notes a stack before it is used.
    pub async fn note(&mut self, context: &Context, stack: &Stack) {
        for note in &stack.notes {
            if !self.summary.notes.contains(note) {
                context.console.note(note);
                self.summary.notes.push(note.clone());
            }
        }
        for image in &stack.images {
            let known =
                |known: &&mut suite::CoveredImage| known.name == image.name && known.id == image.id;
            match self.summary.images.iter_mut().find(known) {
                Some(known) => {
                    for service in &image.services {
                        if !known.services.contains(service) {
                            known.services.push(service.clone());
                        }
                    }
                }
                None => self.summary.images.push(image.clone()),
            }
        }
        let root = context.environment.get("GITHUB_WORKSPACE");
        let root = root.map_or(context.environment.working_directory.as_path(), Path::new);
        for service in stack.project.services.values() {
            self.places.push(Places::new(&stack.project, service, root));
        }
    }

    /// Notes that a stack was left as it is.
    pub fn keep(&mut self) {
        self.summary.kept = true;
    }

    /// Where a job's results go.
    pub fn output_of(&self, job: &Job, several: bool) -> io::Result<PathBuf> {
        if !several {
            return Ok(self.output.clone());
        }
        let directory = self.output.join(job.directory());
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Writes everything, says where, and tells the machine that runs this in its own way.
    /// `cut_short`: how a run ended of which later jobs never ran. `None`: all did.
    pub async fn conclude(
        mut self,
        context: &Context,
        chosen: &Chosen,
        jobs: Vec<JobSummary>,
        reports: Vec<(String, Report)>,
        cut_short: Option<Ending>,
    ) -> Exit {
        let console = &context.console;
        let several = jobs.len() > 1;
        if let Ok(Some(revision)) = (&mut self.revision).await {
            self.summary.revision = Some(revision.commit);
            self.summary.dirty = revision.dirty;
        }
        self.summary.conclude(jobs);
        if let Some(ending) = cut_short
            && self.summary.verdict < ending
        {
            self.summary.verdict = ending;
            self.summary.exit_code = None;
        }
        let report = self.summary.report(reports);
        let there = names_in(&self.output);
        self.summary.wrote = there.difference(&self.before).cloned().collect();
        if let Err(error) = self.summary.write(&self.output, report.as_ref()) {
            console.warn(&format!("cannot write the summary: {error}"));
        }
        // Tests that ended with 0 although one of them failed cover nothing.
        let green = self.summary.verdict == Ending::Passed && self.summary.tests.failed == 0;
        if chosen.complete && green {
            let green = GreenRun {
                run: self.summary.run.clone(),
                at: now(),
                env: self.summary.env.clone(),
                suites: chosen.jobs.iter().map(ToString::to_string).collect(),
                revision: self.summary.revision.clone(),
                dirty: self.summary.dirty,
                images: self.summary.images.clone(),
            };
            if let Err(error) = suite::note_green(&chosen.directory, &green) {
                console.warn(&format!("cannot note what this run covers: {error}"));
            }
        }
        if several {
            let (tone, word) = match self.summary.verdict {
                Ending::Passed => (Tone::Good, "all suites passed"),
                Ending::Interrupted => (Tone::Warning, "interrupted"),
                _ => (Tone::Bad, "not all suites passed"),
            };
            console.insist(&console.paint(tone, word));
        }
        let counts = self.summary.tests;
        if counts.flaky > 0 {
            console.warn(&format!(
                "{} of {} tests passed only when they were run again",
                counts.flaky, counts.tests
            ));
        }
        let shown = self
            .output
            .strip_prefix(&context.environment.working_directory)
            .unwrap_or(&self.output);
        let took = Duration::from_secs_f64(self.summary.phases.clean_up.max(0.0));
        let cleaned = match self.summary.kept {
            true => String::new(),
            false => format!("clean-up {}, ", prose::stopwatch(took)),
        };
        console.say(&format!("{cleaned}results in {}", shown.display()));
        self.tell_machine(context, report.as_ref(), shown);
        exit(self.summary.verdict, self.summary.exit_code)
    }

    fn tell_machine(&self, context: &Context, report: Option<&Report>, shown: &Path) {
        let console = &context.console;
        let set = |name: &str| {
            context
                .environment
                .get(name)
                .filter(|text| !text.is_empty())
        };
        if set("GITHUB_ACTIONS").is_some() {
            let failed = report.map(suite::failed).unwrap_or_default();
            for test in failed.iter().take(MOST_ANNOTATIONS) {
                console.insist(&suite::github(test, &self.places));
            }
            if failed.len() > MOST_ANNOTATIONS {
                let more = failed.len() - MOST_ANNOTATIONS;
                let message = format!("{more} more tests failed; the summary names them");
                console.insist(&suite::github_problem("tests", &message));
            }
            for job in &self.summary.jobs {
                if let Some(reason) = job.reason.clone().or_else(|| job.unreported_failure()) {
                    console.insist(&suite::github_problem(&job.name, &reason));
                }
            }
            if let Some(file) = set("GITHUB_STEP_SUMMARY") {
                let text = self.summary.markdown(&failed);
                if let Err(error) = add_to_summary(Path::new(file), &text) {
                    console.warn(&format!("cannot add to the step's summary: {error}"));
                }
            }
        }
        if set("GITLAB_CI").is_some() && report.is_some() {
            console.insist(&format!(
                "JUnit report for `artifacts:reports:junit`: {}",
                shown.join("junit.xml").display()
            ));
        }
    }
}

/// Adds to what earlier steps have written, which need not end its last line.
fn add_to_summary(file: &Path, text: &str) -> io::Result<()> {
    let before = std::fs::read(file).unwrap_or_default();
    let gap = match before.last() {
        None | Some(b'\n') => "",
        Some(_) => "\n\n",
    };
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)?;
    file.write_all(format!("{gap}{text}").as_bytes())
}

/// Removes what an earlier run has written into a directory, as far as its summary says so.
fn clear(directory: &Path) -> io::Result<()> {
    let summary = std::fs::read_to_string(directory.join("summary.json")).unwrap_or_default();
    let earlier: Option<Summary> = serde_json::from_str(&summary).ok();
    for name in earlier.into_iter().flat_map(|summary| summary.wrote) {
        // The file may come from anywhere: nothing outside of the directory goes.
        let mut parts = Path::new(&name).components();
        let is_name = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
        let path = directory.join(&name);
        match path.symlink_metadata() {
            Ok(metadata) if is_name && metadata.is_dir() => std::fs::remove_dir_all(path)?,
            Ok(_) if is_name => remove(&path)?,
            _ => {}
        }
    }
    OWN.iter()
        .try_for_each(|name| remove(&directory.join(name)))
}

/// What is directly in a directory.
fn names_in(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_removes_what_the_earlier_one_wrote_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("results");
        std::fs::create_dir_all(directory.join("logs")).unwrap();
        for name in ["report.xml", "own.txt", "logs/app.log", "../outside"] {
            std::fs::write(directory.join(name), "x").unwrap();
        }
        let summary = Summary {
            wrote: ["report.xml", "logs", "gone", "../outside", ""]
                .map(String::from)
                .to_vec(),
            ..Summary::default()
        };
        let text = serde_json::to_string(&summary).unwrap();
        std::fs::write(directory.join("summary.json"), text).unwrap();
        clear(&directory).unwrap();
        let left: Vec<String> = names_in(&directory).into_iter().collect();
        assert_eq!(left, ["own.txt"]);
        assert!(parent.path().join("outside").exists());
    }

    #[test]
    fn a_step_summary_begins_its_own_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("summary");
        add_to_summary(&file, "## A\n").unwrap();
        std::fs::write(&file, "no end").unwrap();
        add_to_summary(&file, "## B\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "no end\n\n## B\n");
    }
}
