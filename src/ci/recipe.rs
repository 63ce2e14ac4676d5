use std::path::Path;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use crate::template::{FileText, render};

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
    /// `--stack NAME`. `None`: the project at the repository's root.
    pub stack: Option<String>,
    /// How wharf is called: with `--stack`, where one is meant.
    pub wharf: String,
    pub version: &'static str,
    /// The repository is wharf's own: it is built, not installed.
    pub builds_wharf: bool,
    /// The env that declares tests. `None`: nothing is tested.
    pub test_env: Option<String>,
    /// Those that run by default, when there are several.
    pub suites: Vec<String>,
    /// The env that is released. `None`: nothing is.
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
    #[serde(flatten)]
    recipe: &'r Recipe,
}

impl Recipe {
    /// What the workflow is called: each of a repository's stacks has its own.
    pub fn name(&self) -> String {
        let own = if self.publish { "publish" } else { "wharf" };
        match &self.stack {
            Some(stack) => format!("{own}-{stack}"),
            None => own.to_owned(),
        }
    }

    /// Where the workflow is looked for, relative to the repository.
    pub fn path(&self, forge: Forge) -> String {
        forge.path(&self.name())
    }

    /// The workflow. An error is a mistake in wharf's own template.
    pub fn render(&self, forge: Forge) -> Result<String, Box<Diagnostic>> {
        let named = Named {
            name: self.name(),
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
            stack: None,
            wharf: "wharf".into(),
            version: "1.2.3",
            builds_wharf: false,
            test_env: Some("test".into()),
            suites: vec!["unit".into(), "integration".into()],
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
            all.contains("path: stacks/deployer/.wharf/tested.jsonl"),
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
            test_env: None,
            ..recipe()
        };
        let built = workflow(&recipe, Forge::Github);
        assert!(built["jobs"].get("test").is_none());
        assert!(built["jobs"]["release"].get("needs").is_none());
        let nothing = Recipe {
            release_env: None,
            ..self::recipe()
        };
        assert!(workflow(&nothing, Forge::Gitlab).get("release").is_none());
    }
}
