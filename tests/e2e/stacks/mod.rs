//! The four stacks below `stacks/` beside the bundled one: each suite of each is green, and what their READMEs promise holds.

mod components;
mod deployer;
mod layered;
mod phases;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bundled::bundled;
use crate::stage::{Run, Stage, finish, on_each_engine};

/// A stack in a copy of the repository, as the scenario's project.
struct Stack<'s> {
    stage: &'s Stage,
    name: &'static str,
    /// The copy.
    tree: PathBuf,
    /// What the files are filled with. Images have the scenario's own tag, so that others do not take their names away.
    variables: Vec<(&'static str, String)>,
}

impl<'s> Stack<'s> {
    fn new(stage: &'s Stage, name: &'static str) -> Self {
        let socket = stage.address.trim_start_matches("unix://").to_owned();
        Stack {
            stage,
            name,
            tree: bundled(stage),
            variables: vec![("DOCKER_SOCKET", socket), ("TAG", stage.project.clone())],
        }
    }

    fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    /// The stack's own directory.
    fn home(&self) -> PathBuf {
        self.tree.join("stacks").join(self.name)
    }

    /// wharf in the copy of the repository.
    fn command(&self, arguments: &[&str]) -> Command {
        let named = [&["-p", self.stage.project.as_str()], arguments].concat();
        let mut command = self.stage.command_in(&self.tree, &named);
        command.envs(self.variables.iter().cloned());
        command
    }

    /// `wharf --stack NAME`.
    fn wharf(&self, arguments: &[&str]) -> Run {
        finish(self.command(&[&["--stack", self.name], arguments].concat()))
    }

    #[track_caller]
    fn wharf_ok(&self, arguments: &[&str]) -> Run {
        let run = self.wharf(arguments);
        let (name, engine) = (self.name, &self.stage.engine);
        assert_eq!(
            run.code,
            0,
            "{name} {arguments:?} on {engine}\n{}",
            run.talk()
        );
        run
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.home().join(path);
        let text = std::fs::read_to_string(&path).expect("the file");
        assert!(text.contains(from), "{from} is not in {}", path.display());
        std::fs::write(&path, text.replace(from, to)).expect("an edit");
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.org",
                "-c",
                "safe.directory=*",
            ])
            .args(arguments)
            .current_dir(&self.tree)
            // The date of images, and so part of what is built.
            .env("GIT_COMMITTER_DATE", "1767225600 +0000");
        let output = command.output().expect("git");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    /// Makes the copy a repository of its own, with one commit.
    fn commit_all(&self) {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        std::fs::write(self.tree.join(".gitignore"), ".wharf/\ntarget/\n").expect("a file");
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", "one"]);
    }

    /// What the engine says of an image of the scenario.
    fn image(&self, name: &str) -> serde_json::Value {
        let path = format!("/images/{name}:{}/json", self.stage.project);
        self.stage.get(&path)
    }
}

/// Images with the scenario's tag, and what they were called elsewhere, go with it.
impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let own = format!(":{}", self.stage.project);
        let down = ["--profile", "*", "down", "--volumes", "--timeout", "0"];
        let _ =
            finish(self.command(&[&["--stack", self.name, "--env", "prod"], &down[..]].concat()));
        for image in self
            .stage
            .get("/images/json")
            .as_array()
            .into_iter()
            .flatten()
        {
            let tags = image["RepoTags"].as_array().into_iter().flatten();
            for tag in tags.filter_map(serde_json::Value::as_str) {
                if tag.ends_with(&own) || tag.starts_with(&self.stage.project) {
                    self.stage.remove_image(tag);
                }
            }
        }
    }
}

/// The suites are green, say so in a report, and leave nothing.
fn suites_are_green(stack: &'static str, checks: &[&str]) {
    on_each_engine(|stage| {
        let stack = Stack::new(stage, stack);
        stack.wharf_ok(&["test", "--output", "results"]);
        let mut reports = Vec::new();
        texts_below(&stack.tree.join("results"), "junit.xml", &mut reports);
        for check in checks {
            assert!(
                reports.iter().any(|report| report.contains(check)),
                "{check} is in no report: {reports:?}"
            );
        }
        let skipped = reports.iter().find(|report| report.contains("<skipped"));
        assert_eq!(skipped, None);
        let mut left = stage.objects_with("wharf.run");
        left.retain(|object| object.contains(&stage.project));
        assert_eq!(left, Vec::<String>::new());
    });
}

/// The content of every file of this name below a directory.
fn texts_below(directory: &Path, name: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            texts_below(&path, name, found);
        } else if path.ends_with(name) {
            found.push(std::fs::read_to_string(&path).expect("a text"));
        }
    }
}
