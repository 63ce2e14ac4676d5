use std::io::{self, Write};
use std::path::{Path, PathBuf};
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

/// What is written about a run.
pub struct Recording {
    summary: Summary,
    output: PathBuf,
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
                let clear = || {
                    OWN.iter()
                        .try_for_each(|name| remove(&directory.join(name)))
                };
                std::fs::create_dir_all(&directory)
                    .and_then(|()| clear())
                    .map(|()| directory)
            }
            None => suite::directory(&chosen.directory, id, kept),
        }
        .map_err(|error| {
            Failure::Usage(format!("cannot make a directory for the results: {error}"))
        })?;
        let (directory, environment) = (chosen.directory.clone(), context.environment.clone());
        Ok(Recording {
            summary: Summary {
                run: id.to_owned(),
                project: chosen.name.clone(),
                env: chosen.env.clone(),
                started: now(),
                ..Summary::default()
            },
            output,
            revision: tokio::spawn(async move { suite::revision(&directory, &environment).await }),
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
    pub async fn conclude(
        mut self,
        context: &Context,
        chosen: &Chosen,
        jobs: Vec<JobSummary>,
        reports: Vec<(String, Report)>,
        interrupted: bool,
    ) -> Exit {
        let console = &context.console;
        let several = jobs.len() > 1;
        if let Ok(Some(revision)) = (&mut self.revision).await {
            self.summary.revision = Some(revision.commit);
            self.summary.dirty = revision.dirty;
        }
        self.summary.conclude(jobs);
        if interrupted && self.summary.verdict < Ending::Interrupted {
            self.summary.verdict = Ending::Interrupted;
            self.summary.exit_code = None;
        }
        let report = self.summary.report(reports);
        if let Err(error) = self.summary.write(&self.output, report.as_ref()) {
            console.warn(&format!("cannot write the summary: {error}"));
        }
        if chosen.complete && self.summary.verdict == Ending::Passed {
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
            for test in &failed {
                console.insist(&suite::github(test, &self.places));
            }
            for job in &self.summary.jobs {
                if let Some(reason) = &job.reason {
                    console.insist(&suite::github_problem(&job.name, reason));
                }
            }
            if let Some(file) = set("GITHUB_STEP_SUMMARY") {
                let text = self.summary.markdown(&failed);
                let added = std::fs::OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(file)
                    .and_then(|mut file| file.write_all(text.as_bytes()));
                if let Err(error) = added {
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

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
