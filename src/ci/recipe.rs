use std::path::Path;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use crate::template::{FileText, render, shell};

/// Who runs the workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    Github,
    Gitlab,
}

impl Forge {
    /// Where the workflow is looked for, relative to the repository.
    fn path(self, name: &str) -> String {
        match self {
            Forge::Github => format!(".github/workflows/{name}.yml"),
            Forge::Gitlab => ".gitlab-ci.yml".to_owned(),
        }
    }

    fn template(self) -> FileText<'static> {
        let (name, text) = match self {
            Forge::Github => ("github.yml.jinja", include_str!("github.yml.jinja")),
            Forge::Gitlab => ("gitlab.yml.jinja", include_str!("gitlab.yml.jinja")),
        };
        FileText {
            path: Path::new(name),
            name,
            text,
        }
    }
}

/// What a workflow is made from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// The command line that writes it, without the program.
    pub command: String,
    /// What of it says which project is meant: `--stack NAME`, `-f FILE` and the like, with a space at its end; empty where
    /// nothing does.
    pub options: String,
    /// `--stack NAME`. `None`: the project at hand.
    pub stack: Option<String>,
    /// How wharf is called: with its options.
    pub wharf: String,
    /// The directory of the repository in which wharf is called, with a `/` at its end; empty at its root.
    pub within: String,
    pub version: &'static str,
    /// The repository is wharf's own: it is built, not installed.
    pub builds_wharf: bool,
    /// The project declares tests.
    pub tested: bool,
    /// The env that declares them. `None`: the one that is meant without a word.
    pub test_env: Option<String>,
    /// Those that run by default, when there are several.
    pub suites: Vec<String>,
    /// The project is released.
    pub released: bool,
    /// The env that is released. `None`: the one that is meant without a word.
    pub release_env: Option<String>,
    pub main_branch: String,
    /// Push on every commit of the main branch too, after a look at what would be pushed.
    pub publish: bool,
    /// Of the project in the repository, with a `/` at its end; empty at its root.
    pub directory: String,
    /// Where the release writes what it did, in the repository.
    pub record: String,
}

/// What a template sees.
#[derive(Serialize)]
struct Named<'r> {
    name: String,
    /// What follows the verb: a space and the env, or nothing.
    test_words: String,
    release_words: String,
    /// In the repository: what a test run leaves, the report in it, and the notes of what was tested.
    results: String,
    report: String,
    notes_directory: String,
    notes: String,
    #[serde(flatten)]
    recipe: &'r Recipe,
}

/// How a workflow begins that wharf has written, before its command line.
const SIGN: &str = "# Written by `wharf ";

impl Recipe {
    /// What the workflow is called: each project and each stack of a repository has its own.
    pub fn name(&self) -> String {
        let own = if self.publish { "publish" } else { "wharf" };
        let slug = |text: &str| -> String {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            text.chars()
                .map(|c| if fits(c) { c } else { '-' })
                .collect()
        };
        match (&self.stack, self.within.trim_end_matches('/')) {
            (Some(stack), _) => format!("{own}-{stack}"),
            (None, "") => own.to_owned(),
            (None, within) => format!("{own}-{}", slug(within)),
        }
    }

    /// Where the workflow is looked for, relative to the repository.
    pub fn path(&self, forge: Forge) -> String {
        forge.path(&self.name())
    }

    /// Whether a file in the workflow's place may be replaced: wharf has written it, and for the same project.
    pub fn may_replace(&self, there: &str) -> bool {
        let first = there.lines().next().unwrap_or_default();
        let written = first
            .strip_prefix(SIGN)
            .and_then(|rest| rest.split_once('`'));
        let Some((command, rest)) = written else {
            return there.trim().is_empty();
        };
        let options = command.find("ci git").and_then(|end| command.get(..end));
        let within = rest
            .strip_prefix(" in `")
            .and_then(|rest| rest.split_once('`'))
            .map_or("", |(within, _)| within);
        options == Some(self.options.as_str()) && within == self.within
    }

    /// The workflow. An error is a mistake in wharf's own template.
    pub fn render(&self, forge: Forge) -> Result<String, Box<Diagnostic>> {
        let words = |env: &Option<String>| match env {
            Some(env) => format!(" {}", shell(env)),
            None => String::new(),
        };
        let named = Named {
            name: self.name(),
            test_words: words(&self.test_env),
            release_words: words(&self.release_env),
            results: format!("{}test-results", self.within),
            report: format!("{}test-results/junit.xml", self.within),
            notes_directory: format!("{}.wharf", self.directory),
            notes: format!("{}.wharf/tested.jsonl", self.directory),
            recipe: self,
        };
        render(&mut Sources::default(), forge.template(), &named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            command: "ci github".into(),
            options: String::new(),
            stack: None,
            wharf: "wharf".into(),
            within: String::new(),
            version: "1.2.3",
            builds_wharf: false,
            tested: true,
            test_env: Some("test".into()),
            suites: vec!["unit".into(), "integration".into()],
            released: true,
            release_env: Some("prod".into()),
            main_branch: "main".into(),
            publish: false,
            directory: String::new(),
            record: "image-digests.json".into(),
        }
    }

    fn workflow(recipe: &Recipe, forge: Forge) -> serde_yaml::Value {
        let text = recipe.render(forge).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn script(job: &serde_yaml::Value) -> String {
        let steps = job["steps"].as_sequence().unwrap();
        let runs: Vec<&str> = steps
            .iter()
            .filter_map(|step| step["run"].as_str())
            .collect();
        runs.join("\n")
    }

    #[test]
    fn github_tests_and_releases_what_was_tested() {
        let workflow = workflow(&recipe(), Forge::Github);
        let test = script(&workflow["jobs"]["test"]);
        assert!(
            test.contains("cargo install --locked wharf --version 1.2.3"),
            "{test}"
        );
        assert!(
            test.contains("wharf test test --output test-results"),
            "{test}"
        );
        let release = &workflow["jobs"]["release"];
        assert_eq!(release["needs"].as_str(), Some("test"));
        let text = script(release);
        assert!(
            text.ends_with("wharf release prod --push --require-tested"),
            "{text}"
        );
    }

    #[test]
    fn publishing_inspects_and_scans_before_it_pushes() {
        let recipe = Recipe {
            publish: true,
            stack: Some("deployer".into()),
            wharf: "wharf --stack deployer".into(),
            directory: "stacks/deployer/".into(),
            ..recipe()
        };
        let workflow = workflow(&recipe, Forge::Github);
        let text = script(&workflow["jobs"]["publish"]);
        let dry = text.find("release prod --dry-run").unwrap();
        let push = text.find("release prod --push").unwrap();
        assert!(
            dry < push && text.contains("wharf --stack deployer build prod"),
            "{text}"
        );
        assert_eq!(
            recipe.path(Forge::Github),
            ".github/workflows/publish-deployer.yml"
        );
        let all = recipe.render(Forge::Github).unwrap();
        assert!(
            all.contains("path: \"stacks/deployer/.wharf/tested.jsonl\""),
            "{all}"
        );
    }

    #[test]
    fn gitlab_knows_the_report() {
        let workflow = workflow(&recipe(), Forge::Gitlab);
        let junit = &workflow["test"]["artifacts"]["reports"]["junit"];
        assert_eq!(junit.as_str(), Some("test-results/junit.xml"));
        let release = workflow["release"]["script"].as_sequence().unwrap();
        assert_eq!(
            release.last().and_then(|line| line.as_str()),
            Some("wharf release prod --push --require-tested")
        );
    }

    #[test]
    fn without_tests_or_a_release_there_are_no_such_jobs() {
        let recipe = Recipe {
            tested: false,
            ..recipe()
        };
        let built = workflow(&recipe, Forge::Github);
        assert!(built["jobs"].get("test").is_none());
        assert!(built["jobs"]["release"].get("needs").is_none());
        let nothing = Recipe {
            released: false,
            ..self::recipe()
        };
        assert!(workflow(&nothing, Forge::Gitlab).get("release").is_none());
    }

    #[test]
    fn a_project_below_the_root_is_called_in_its_directory() {
        let recipe = Recipe {
            within: "svc/api/".into(),
            directory: "svc/api/".into(),
            record: "svc/api/out: #1.json".into(),
            test_env: None,
            ..recipe()
        };
        let github = workflow(&recipe, Forge::Github);
        let run = &github["defaults"]["run"]["working-directory"];
        assert_eq!(run.as_str(), Some("svc/api/"));
        let text = script(&github["jobs"]["test"]);
        assert!(text.contains("wharf test --output test-results"), "{text}");
        let steps = github["jobs"]["test"]["steps"].as_sequence().unwrap();
        let paths: Vec<&str> = steps
            .iter()
            .filter(|step| step["uses"].as_str() == Some("actions/upload-artifact@v4"))
            .filter_map(|step| step["with"]["path"].as_str())
            .collect();
        assert_eq!(
            paths,
            ["svc/api/test-results", "svc/api/.wharf/tested.jsonl"]
        );
        let release = github["jobs"]["release"]["steps"].as_sequence().unwrap();
        let record = release.last().unwrap()["with"]["path"].as_str();
        assert_eq!(record, Some("svc/api/out: #1.json"));
        assert_eq!(
            recipe.path(Forge::Github),
            ".github/workflows/wharf-svc-api.yml"
        );
        let gitlab = workflow(&recipe, Forge::Gitlab);
        assert_eq!(gitlab["test"]["script"][0].as_str(), Some("cd svc/api/"));
        let junit = &gitlab["test"]["artifacts"]["reports"]["junit"];
        assert_eq!(junit.as_str(), Some("svc/api/test-results/junit.xml"));
    }

    #[test]
    fn only_what_wharf_wrote_for_the_same_project_is_replaced() {
        let root = recipe();
        let below = Recipe {
            within: "svc/".into(),
            ..recipe()
        };
        let stack = Recipe {
            options: "--stack a ".into(),
            command: "--stack a ci gitlab".into(),
            ..recipe()
        };
        let all = [root, below, stack];
        for (at, one) in all.iter().enumerate() {
            let text = one.render(Forge::Gitlab).unwrap();
            for (other, recipe) in all.iter().enumerate() {
                assert_eq!(recipe.may_replace(&text), at == other, "{at} {other}");
            }
        }
        let publish = Recipe {
            command: "ci gitlab --publish".into(),
            ..recipe()
        };
        assert!(publish.may_replace(&all[0].render(Forge::Gitlab).unwrap()));
        assert!(!publish.may_replace("stages: [test]\n"));
        assert!(publish.may_replace("\n"));
    }
}
