use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::chosen::Chosen;
use super::stack::{Maker, Stack, StackUse};
use super::view::View;
use super::{Test, exit, guarded, sources};
use crate::apply::CancelLevel;
use crate::cli::slug::slug;
use crate::cli::{Exit, Failure, build};
use crate::git::Git;
use crate::layer;
use crate::load::Environment;
use crate::suite::{self, Job, JobSummary, TestRun, Verdict};
use crate::watch::{Changes, Root, WatchError, Watcher};

/// A stack that stays between rounds.
struct Standing {
    stack: Stack,
    /// Tests have run in it since it was made or reset.
    touched: bool,
    /// Something of it has failed: there is no first state to bring it back to.
    broken: bool,
}

/// What is tested now, each job with its stack.
struct Tested {
    chosen: Chosen,
    standing: Vec<Option<Standing>>,
}

impl Tested {
    fn new(chosen: Chosen) -> Tested {
        let standing = chosen.jobs.iter().map(|_| None).collect();
        Tested { chosen, standing }
    }

    async fn put_down(&mut self, maker: &Maker<'_>) {
        for one in self.standing.iter_mut().filter_map(Option::take) {
            put_down(maker, one).await;
        }
    }
}

/// Runs the tests whenever their files change, until Ctrl-C. The exit code is that of the last round.
pub async fn watch(maker: &Maker<'_>, test: &Test) -> Result<Exit, Failure> {
    let mut tested = Tested::new(maker.chosen.clone());
    let ended = rounds(maker, test, &mut tested).await;
    tested.put_down(maker).await;
    ended
}

async fn put_down(maker: &Maker<'_>, standing: Standing) {
    let console = &maker.context.console;
    for what in suite::tear_down(maker.engine.as_ref(), &standing.stack.id).await {
        console.warn(&format!("not removed: {what}"));
    }
}

async fn rounds(first: &Maker<'_>, test: &Test, tested: &mut Tested) -> Result<Exit, Failure> {
    let console = &first.context.console;
    let mut last = Exit::OK;
    let mut watched: Option<Watched> = None;
    let mut repeated = Repeated::default();
    for round in 1.. {
        let Tested { chosen, standing } = &mut *tested;
        let maker = &Maker { chosen, ..*first };
        let mut codes = Vec::new();
        for (job, slot) in chosen.jobs.iter().zip(standing.iter_mut()) {
            if maker.cancel.level() != CancelLevel::None {
                return Ok(last);
            }
            match run_once(maker, test, job, slot, round).await {
                Ok(code) => codes.push(code),
                Err(Failure::Interrupted) => return Ok(last),
                Err(failure) => codes.push(told(maker, &failure)),
            }
            last = of_round(&codes);
        }
        // Begun after the first round: what it builds and writes is no change. Begun anew where other files count now.
        let named = named_paths(maker, standing)?;
        let watched = match watched.take().filter(|old| old.named == named) {
            Some(same) => watched.insert(same),
            None => watched.insert(Watched::begin(named)?),
        };
        let environment = &maker.context.environment;
        let meanwhile = watched.so_far(environment).await.map_err(cannot_watch)?;
        let (meanwhile, passed_over) = repeated.without(meanwhile);
        for path in passed_over {
            let shown = path.strip_prefix(&chosen.directory).unwrap_or(&path);
            console.note(&format!(
                "`{}` changes in every round: the tests write it, so that it does not begin another one",
                shown.display()
            ));
        }
        let changes = if meanwhile.is_empty() {
            console.say("waiting for changes; Ctrl-C ends");
            let changing = async {
                tokio::select! {
                    changes = watched.next(environment) => changes,
                    () = maker.cancel.reached(CancelLevel::Finish) => Ok(None),
                }
            };
            // The preparation is not dropped in the middle: it would leave half a stack.
            let (changes, ()) = tokio::join!(changing, make_ready(maker, standing));
            changes.map_err(cannot_watch)?
        } else {
            Some(meanwhile)
        };
        let Some(changes) = changes else {
            return Ok(last);
        };
        console.say(&said(&changes, &chosen.directory));
        // Where the files cannot be read, the next round says so.
        if let Ok(new) = Chosen::of(test, first.context)
            && new.jobs != chosen.jobs
        {
            tested.put_down(first).await;
            *tested = Tested::new(new);
        }
    }
    Ok(last)
}

/// The exit code of a round: that of the first job that has not passed.
fn of_round(codes: &[Exit]) -> Exit {
    let bad = codes.iter().find(|code| **code != Exit::OK);
    bad.copied().unwrap_or(Exit::OK)
}

/// Says what a round failed with.
fn told(maker: &Maker<'_>, failure: &Failure) -> Exit {
    if !matches!(failure, Failure::Project | Failure::Told) {
        maker.context.console.error(&failure.to_string());
    }
    failure.exit()
}

fn cannot_watch(error: WatchError) -> Failure {
    Failure::Apply(error.to_string())
}

/// Files and directories with what watches them.
struct Watched {
    /// Sorted.
    named: Vec<PathBuf>,
    watcher: Watcher,
}

impl Watched {
    fn begin(named: Vec<PathBuf>) -> Result<Watched, Failure> {
        let mut paths = named.clone();
        // A directory brings in what is below it.
        paths.dedup_by(|later, earlier| later.starts_with(&*earlier));
        let roots = paths.into_iter().map(|path| {
            let filter =
                sources::filter(&path).map_err(|error| Failure::Apply(error.to_string()))?;
            Ok(Root { path, filter })
        });
        let roots: Result<Vec<Root>, Failure> = roots.collect();
        Ok(Watched {
            named,
            watcher: Watcher::start(roots?).map_err(cannot_watch)?,
        })
    }

    /// As [`Watcher::next`], of what counts.
    async fn next(&mut self, environment: &Environment) -> Result<Option<Changes>, WatchError> {
        while let Some(changes) = self.watcher.next().await? {
            let changes = self.counting(changes, environment).await;
            if !changes.is_empty() {
                return Ok(Some(changes));
            }
        }
        Ok(None)
    }

    /// As [`Watcher::so_far`], of what counts.
    async fn so_far(&mut self, environment: &Environment) -> Result<Changes, WatchError> {
        let changes = self.watcher.so_far().await?;
        Ok(self.counting(changes, environment).await)
    }

    /// Without what git ignores. A file that the project itself names is none of that: an `.env` is in few repositories.
    async fn counting(&self, changes: Changes, environment: &Environment) -> Changes {
        let is_named = |path: &Path| {
            let named = self
                .named
                .binary_search_by(|named| named.as_path().cmp(path));
            named.is_ok() && !path.is_dir()
        };
        let paths = changes.iter().map(|(path, _)| path);
        let asked = paths.filter(|path| !is_named(path));
        let ignored = Git::looking(environment).ignored(asked).await;
        changes
            .iter()
            .filter(|(path, _)| !ignored.contains(*path))
            .map(|(path, change)| (path.to_path_buf(), change))
            .collect()
    }
}

/// Tells what tests write from what people do: tests write the same files in every round.
#[derive(Default)]
struct Repeated {
    /// What changed while the last round ran.
    last: BTreeSet<PathBuf>,
    /// What tests are known to write.
    known: BTreeSet<PathBuf>,
}

impl Repeated {
    /// What changed while a round ran, without what changed while the one before ran too; what of that is new comes second.
    fn without(&mut self, during: Changes) -> (Changes, Vec<PathBuf>) {
        let paths = during.iter().map(|(path, _)| path.to_path_buf()).collect();
        let last = std::mem::replace(&mut self.last, paths);
        let (again, new): (Vec<_>, Vec<_>) = during
            .iter()
            .map(|(path, change)| (path.to_path_buf(), change))
            .partition(|(path, _)| last.contains(path));
        let again = again.into_iter().map(|(path, _)| path);
        let again = again.filter(|path| self.known.insert(path.clone()));
        let again = again.collect();
        (new.into_iter().collect(), again)
    }
}

fn said(changes: &Changes, directory: &Path) -> String {
    let first = changes.first().unwrap_or(directory);
    let first = first.strip_prefix(directory).unwrap_or(first).display();
    match changes.len() {
        0 | 1 => format!("changed: {first}"),
        count => format!("changed: {first} and {} more", count - 1),
    }
}

/// Runs a job in its stack, in a new one where the old one is not what is wanted now.
async fn run_once(
    maker: &Maker<'_>,
    test: &Test,
    job: &Job,
    slot: &mut Option<Standing>,
    round: u32,
) -> Result<Exit, Failure> {
    let fresh = maker.make(job, &slug(6), StackUse::Compared).await?;
    let same = slot
        .as_ref()
        .is_some_and(|old| old.stack.digest == fresh.digest && !old.touched);
    if !same {
        if let Some(old) = slot.take() {
            put_down(maker, old).await;
        }
        *slot = Some(Standing {
            stack: fresh,
            touched: false,
            broken: false,
        });
    }
    let Some(standing) = slot else {
        return Ok(Exit::OK);
    };
    standing.touched = true;
    let output = maker
        .chosen
        .directory
        .join(".wharf/watch")
        .join(job.directory());
    // The results of the round before are no results of this one.
    let _ = std::fs::remove_dir_all(&output);
    std::fs::create_dir_all(&output).map_err(|error| {
        Failure::Usage(format!("cannot make a directory for the results: {error}"))
    })?;
    let stack = &standing.stack;
    let run = run_in(maker, test, job, stack, &output, round);
    let view = View::new(maker.context, job, false);
    let outcome = guarded(&run, &view, maker.cancel).await;
    view.verdict(&outcome);
    standing.broken = matches!(outcome.verdict, Verdict::Infrastructure(_));
    let summary = JobSummary::new(job, &stack.name, false, &outcome);
    Ok(exit(summary.verdict, summary.exit_code))
}

fn run_in<'r>(
    maker: &Maker<'_>,
    test: &'r Test,
    job: &'r Job,
    stack: &'r Stack,
    output: &'r Path,
    round: u32,
) -> TestRun<'r> {
    TestRun {
        engine: maker.engine.clone(),
        project: &stack.project,
        job,
        arguments: &test.arguments,
        id: &stack.id,
        policy: stack.policy.clone(),
        options: maker.context.apply_options(),
        output,
        round,
    }
}

/// Brings every stack back to its first state while nobody waits: as the project declares it, else by a new stack.
async fn make_ready(maker: &Maker<'_>, standing: &mut [Option<Standing>]) {
    let console = &maker.context.console;
    for (job, slot) in maker.chosen.jobs.iter().zip(standing.iter_mut()) {
        let Some(old) = slot.as_mut().filter(|old| old.touched) else {
            continue;
        };
        let declared = old.stack.project.wharf.test.as_ref();
        if !old.broken
            && let Some(reset) = declared.and_then(|test| test.reset.clone())
            && job_uses(job, &old.stack, &reset.service)
        {
            let run = TestRun {
                engine: maker.engine.clone(),
                project: &old.stack.project,
                job,
                arguments: &[],
                id: &old.stack.id,
                policy: old.stack.policy.clone(),
                options: maker.context.apply_options(),
                output: Path::new("/"),
                round: 1,
            };
            let done = match run.reset(&reset, maker.cancel).await {
                Ok(true) => run.forget_tests().await.map(|()| true),
                other => other,
            };
            match done {
                Ok(true) => {
                    old.touched = false;
                    continue;
                }
                Ok(false) => return,
                Err(failure) => console.warn(&format!("the stack is replaced: {failure}")),
            }
        }
        if let Some(old) = slot.take() {
            put_down(maker, old).await;
        }
        if maker.cancel.level() != CancelLevel::None {
            return;
        }
        let Ok(stack) = maker.make(job, &slug(6), StackUse::Compared).await else {
            // The next round says what is wrong.
            continue;
        };
        let new = slot.insert(Standing {
            stack,
            touched: false,
            broken: false,
        });
        let run = TestRun {
            engine: maker.engine.clone(),
            project: &new.stack.project,
            job,
            arguments: &[],
            id: &new.stack.id,
            policy: new.stack.policy.clone(),
            options: maker.context.apply_options(),
            output: Path::new("/"),
            round: 1,
        };
        if let Err(failure) = run.stand_by(maker.cancel).await {
            console.warn(&format!("cannot prepare the next stack: {failure}"));
        }
    }
}

/// Whether a service runs in the job's stack.
fn job_uses(job: &Job, stack: &Stack, service: &str) -> bool {
    let needed = job.needed(&stack.project);
    !needed.is_empty()
        && crate::plan::service_order(&stack.project, &needed, true)
            .is_ok_and(|order| order.iter().any(|name| name == service))
}

/// What is watched: the project's files, what is mounted where the tests run and in what they need, and what images are
/// built from. Sorted, each once; some may lie in others.
fn named_paths(maker: &Maker<'_>, standing: &[Option<Standing>]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for (job, one) in maker.chosen.jobs.iter().zip(standing) {
        let Some(one) = one else { continue };
        // Not as it runs: what a configured image is built from is in the files alone.
        let project = &one.stack.resolved.project;
        paths.extend(project.files.iter().cloned());
        let read = one.stack.resolved.sources.iter();
        let read = read.map(|(_, source)| source.path.clone());
        // Env files and what files bring in; the shell's variables are a source too, and no file.
        paths.extend(read.filter(|path| path.is_file()));
        let needed = job.needed(project);
        let mut services = match needed.is_empty() {
            true => Vec::new(),
            false => crate::plan::service_order(project, &needed, true).unwrap_or(needed),
        };
        services.push(job.service().to_owned());
        paths.extend(sources::mounted(project, &services));
        let graph = build::graph_of(project, maker.context, &one.stack.resolved)?;
        for file in services
            .iter()
            .flat_map(|name| layer::declared(project, name))
        {
            let written = file.template.iter().chain(&file.file);
            paths.extend(written.map(PathBuf::from));
        }
        for key in graph.needed_by(project, services.iter().map(String::as_str)) {
            if let Some(image) = graph.images.get(&key) {
                paths.extend(image.context_directory().map(Path::to_path_buf));
            }
        }
    }
    // Of the engine and of the kernel: no sources of anybody, and nothing that can be watched.
    paths.retain(|path| !UNWATCHED.iter().any(|one| path.starts_with(one)));
    paths.retain(|path| path.parent().is_some());
    paths.sort();
    paths.dedup();
    Ok(paths)
}

const UNWATCHED: [&str; 5] = ["/dev", "/proc", "/run", "/sys", "/var/run"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Change;

    #[tokio::test]
    async fn what_git_ignores_begins_no_round_unless_the_project_names_it() {
        let place = tempfile::tempdir().unwrap();
        let here = place.path();
        let own = Environment {
            variables: [("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())].into(),
            ..Environment::default()
        };
        let git = Git::looking(&own);
        git.ask(here, &["init", "--quiet"]).await.unwrap();
        std::fs::write(here.join(".gitignore"), ".env\ndist/\n").unwrap();
        std::fs::create_dir(here.join("dist")).unwrap();
        let mut named = vec![here.to_path_buf(), here.join(".env"), here.join("dist")];
        named.sort();
        let watched = Watched::begin(named).unwrap();
        let changes = [".env", "app.py", "dist", "dist/app.js", "other/.env"];
        let changes = changes.map(|path| (here.join(path), Change::Written));
        let counting = watched.counting(changes.into_iter().collect(), &own).await;
        let counting: Vec<&Path> = counting.iter().map(|(path, _)| path).collect();
        assert_eq!(counting, [here.join(".env"), here.join("app.py")]);
    }

    #[test]
    fn a_job_that_passes_hides_none_that_failed() {
        let (ok, bad) = (Exit::OK, Exit::INFRASTRUCTURE);
        assert_eq!(of_round(&[ok, bad, Exit(1), ok]), bad);
        assert_eq!(of_round(&[ok, ok]), ok);
    }

    #[test]
    fn what_tests_write_in_every_round_begins_no_round() {
        let changes = |paths: &[&str]| -> Changes {
            let paths = paths
                .iter()
                .map(|path| (PathBuf::from(path), Change::Written));
            paths.collect()
        };
        let mut repeated = Repeated::default();
        let (new, again) = repeated.without(changes(&["/s/report.xml"]));
        assert_eq!((new.len(), again.len()), (1, 0));
        let (new, again) = repeated.without(changes(&["/s/app.py", "/s/report.xml"]));
        assert_eq!(new, changes(&["/s/app.py"]));
        assert_eq!(again, [PathBuf::from("/s/report.xml")]);
        let (new, again) = repeated.without(changes(&["/s/report.xml"]));
        assert!(new.is_empty() && again.is_empty(), "told once");
        let (new, _) = repeated.without(changes(&[]));
        assert!(new.is_empty());
        assert_eq!(repeated.without(changes(&["/s/app.py"])).0.len(), 1);
    }
}
