//! The composition root: what a verb gets from outside, and what it asks of it.
//!
//! | file | what |
//! |---|---|
//! | this one | [`Context`], made from the options and the environment, and how it speaks |
//! | `project` | which project the words of a command line mean; loading it |
//! | `engine` | the engine, who builds for it, and what applying a plan takes |

mod engine;
mod project;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use project::Purpose;

use super::compose_words;
use super::globals::{Globals, ProgressMode};
use crate::diagnostic::{Diagnostics, prose, render};
use crate::load::{Environment, Host, RemoteCopies};
use crate::report::{Colour, Console, Progress, ProgressStyle};
use crate::source::Sources;

/// Everything that a verb gets from outside, put together once.
pub struct Context {
    pub globals: Globals,
    pub environment: Environment,
    pub console: Console,
    pub disk: Host,
    /// What was called, for others who wait for its end: `up`.
    pub verb: String,
    /// What remote references were found to mean: each is asked for once, so that all who load see the same.
    pub(in crate::cli) remotes: Arc<Mutex<RemoteCopies>>,
}

impl Context {
    pub fn new(globals: Globals, environment: Environment, verb: &str) -> Self {
        let quiet = globals.quiet || globals.progress == ProgressMode::Quiet;
        let colour = match globals.no_ansi {
            true => Colour::Never,
            false => globals.ansi.into(),
        };
        let console = Console::new(colour, quiet, &environment);
        Context {
            globals,
            environment,
            console,
            disk: Host,
            verb: verb.to_owned(),
            remotes: Arc::default(),
        }
    }

    /// The same with other options and variables.
    fn with(&self, globals: Globals, environment: Environment) -> Context {
        Context {
            remotes: self.remotes.clone(),
            ..Context::new(globals, environment, &self.verb)
        }
    }

    /// The same with progress as a verb's own options ask for.
    pub fn with_progress(&self, quiet: bool, progress: Option<ProgressMode>) -> Context {
        let mut globals = self.globals.clone();
        if quiet {
            globals.progress = ProgressMode::Quiet;
        } else if let Some(progress) = progress {
            globals.progress = progress;
        }
        self.with(globals, self.environment.clone())
    }

    /// The same with every service of the project, whatever its profiles.
    pub fn with_all_profiles(&self) -> Context {
        let mut globals = self.globals.clone();
        globals.profiles = vec!["*".to_owned()];
        self.with(globals, self.environment.clone())
    }

    /// The same with variables that win over the shell's.
    pub fn with_variables(&self, variables: &indexmap::IndexMap<String, String>) -> Context {
        let mut environment = self.environment.clone();
        environment.variables.extend(variables.clone());
        self.with(self.globals.clone(), environment)
    }

    /// The same for an `up` that stays and shows what containers, and their hooks, write.
    pub fn attended(&self) -> Context {
        let mut globals = self.globals.clone();
        globals.attended = true;
        self.with(globals, self.environment.clone())
    }

    /// Says what Compose would not say; under its name nobody expects it.
    pub fn say_of_itself(&self, line: &str) {
        if !self.globals.as_compose {
            self.console.say(line);
        }
    }

    /// Prints findings, and how many there are beyond those that are kept.
    pub fn tell(&self, findings: &Diagnostics, sources: &Sources) {
        for finding in findings.iter() {
            // Envs and stacks, of which this one speaks, are not Compose's.
            let is_ours = !(self.globals.as_compose && finding.code == "files-missing");
            if is_ours {
                let (colour, width) = (self.console.talk_has_colour(), self.console.width());
                self.console
                    .insist(&render(finding, sources, colour, width));
            }
            if self.globals.as_compose
                && let Some(words) =
                    compose_words::of_finding(finding, &self.environment.working_directory)
            {
                self.console.insist(&words);
            }
        }
        if findings.omitted() > 0 {
            let more = prose::count(findings.omitted(), "more finding");
            self.console.insist(&format!("{more}: not shown"));
        }
    }

    /// Columns that a table may take. `None`: any number, as under Compose's name, which never wraps.
    pub fn table_width(&self) -> Option<usize> {
        self.console
            .data_width()
            .filter(|_| !self.globals.as_compose)
    }

    /// The view of long work, as `--progress` and the terminal ask for.
    pub fn progress(&self) -> Progress {
        let as_compose = ProgressStyle::Compose {
            dry_run: self.globals.dry_run,
            attended: self.globals.attended,
        };
        let style = match self.globals.progress {
            ProgressMode::Auto | ProgressMode::Tty | ProgressMode::Plain
                if self.globals.as_compose && self.globals.dry_run =>
            {
                as_compose
            }
            ProgressMode::Auto if self.console.talks_to_terminal() => ProgressStyle::Bars,
            ProgressMode::Auto | ProgressMode::Plain if self.globals.as_compose => as_compose,
            ProgressMode::Tty => ProgressStyle::Bars,
            ProgressMode::Auto | ProgressMode::Plain => ProgressStyle::Lines,
            ProgressMode::Json => ProgressStyle::Json,
            ProgressMode::Quiet => ProgressStyle::Silent,
        };
        let style = if self.globals.quiet {
            ProgressStyle::Silent
        } else {
            style
        };
        let console = match self.globals.status_on_stdout {
            true => self.console.clone().talking_on_stdout(),
            false => self.console.clone(),
        };
        Progress::new(console, style)
    }

    /// Where is kept what makes later runs faster; it may be deleted at any time.
    pub fn cache_directory(&self) -> Option<PathBuf> {
        let base = match self.environment.get("XDG_CACHE_HOME") {
            Some(cache) if !cache.is_empty() => PathBuf::from(cache),
            _ => self.environment.home.as_ref()?.join(".cache"),
        };
        Some(base.join("wharf"))
    }
}
