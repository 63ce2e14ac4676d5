use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Change, Changes, Filter, Root};
use crate::build::ignore::{PatternError, Patterns};
use crate::model::{Hook, Service};

/// An entry of a service's `develop.watch`.
/// <https://github.com/compose-spec/compose-spec/blob/main/develop.md>
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Absolute.
    pub path: PathBuf,
    pub action: Action,
    /// Where in the container files go. `None`: nowhere.
    pub target: Option<String>,
    /// Relative to `path`.
    pub ignore: Vec<String>,
    /// Relative to `path`; empty: everything.
    pub include: Vec<String>,
    /// Bring the container up to date when watching begins.
    pub initial_sync: bool,
    /// What `initial_sync` was called while it was new.
    #[serde(rename = "x-initialSync")]
    pub former_initial_sync: bool,
    /// What [`Action::SyncExec`] runs.
    pub exec: Option<Hook>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    #[default]
    Sync,
    Rebuild,
    Restart,
    #[serde(rename = "sync+restart")]
    SyncRestart,
    #[serde(rename = "sync+exec")]
    SyncExec,
}

impl Action {
    pub fn syncs(self) -> bool {
        matches!(self, Action::Sync | Action::SyncRestart | Action::SyncExec)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("the watch rules of service `{service}` cannot be read: {source}")]
    Shape {
        service: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("a watch rule of service `{service}`: {source}")]
    Pattern {
        service: String,
        #[source]
        source: PatternError,
    },
}

/// The watch rules of a service, in their order.
///
/// # Errors
/// When a rule has a shape that the specification does not know.
pub fn rules(name: &str, service: &Service) -> Result<Vec<Rule>, RuleError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Develop {
        watch: Vec<Rule>,
    }
    let Some(develop) = &service.develop else {
        return Ok(Vec::new());
    };
    serde_json::from_value::<Option<Develop>>(develop.clone())
        .map(|develop| develop.unwrap_or_default().watch)
        .map_err(|source| RuleError::Shape {
            service: name.to_owned(),
            source,
        })
}

impl Rule {
    /// What is watched for this rule. `context`: the directory that the service's image is built from, with what is ignored
    /// there; it is ignored here too.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn root(
        &self,
        service: &str,
        context: Option<(&Path, &Patterns)>,
    ) -> Result<Root, RuleError> {
        let refused = |source| RuleError::Pattern {
            service: service.to_owned(),
            source,
        };
        let mut filter = Filter::new()
            .ignoring_all(&self.path, &self.ignore)
            .map_err(refused)?
            .only(&self.path, &self.include)
            .map_err(refused)?;
        if let Some((directory, ignored)) = context {
            filter = filter.ignoring(directory, ignored.clone());
        }
        Ok(Root {
            path: self.path.clone(),
            filter,
        })
    }

    /// Whether the container is brought up to date when watching begins.
    pub fn syncs_first(&self) -> bool {
        self.initial_sync || self.former_initial_sync
    }

    /// Where a path of the rule's files goes in the container. `None`: the rule copies nothing, or it is no such path.
    pub fn destination(&self, path: &Path) -> Option<String> {
        let target = self.target.as_deref().filter(|_| self.action.syncs())?;
        let below = path.strip_prefix(&self.path).ok()?.to_str()?;
        let target = target.trim_end_matches('/');
        Some(match below {
            "" => target.to_owned(),
            below => format!("{target}/{below}"),
        })
    }
}

/// What a set of changes means for one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Path in the container, and the file that it comes from: in order, a directory before what is in it.
    pub write: BTreeMap<String, PathBuf>,
    /// Paths in the container that have no source any more.
    pub remove: Vec<String>,
    /// Build the image anew and replace the containers; everything else is then of no importance.
    pub rebuild: bool,
    pub restart: bool,
    /// In the order of their rules.
    pub exec: Vec<Hook>,
}

impl Batch {
    /// `rules` with their roots, as [`Rule::root`] made them.
    pub fn of(rules: &[(Rule, Root)], changes: &Changes) -> Batch {
        let mut batch = Batch::default();
        for (rule, root) in rules {
            let mut concerned = false;
            for (path, change) in changes.iter() {
                if !path.starts_with(&rule.path) || !root.filter.wants(path) {
                    continue;
                }
                concerned = true;
                if let Some(to) = rule.destination(path) {
                    match change {
                        Change::Written => {
                            batch.write.insert(to, path.to_path_buf());
                        }
                        Change::Removed => batch.remove.push(to),
                    }
                }
            }
            if !concerned {
                continue;
            }
            match rule.action {
                Action::Rebuild => batch.rebuild = true,
                Action::Restart | Action::SyncRestart => batch.restart = true,
                Action::SyncExec => batch.exec.extend(rule.exec.clone()),
                Action::Sync => {}
            }
        }
        batch
    }

    pub fn is_empty(&self) -> bool {
        *self == Batch::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(watch: serde_json::Value) -> Service {
        Service {
            develop: Some(serde_json::json!({ "watch": watch })),
            ..Service::default()
        }
    }

    fn of(watch: serde_json::Value, changes: &[(&str, Change)]) -> Batch {
        let rules: Vec<(Rule, Root)> = rules("web", &service(watch))
            .unwrap()
            .into_iter()
            .map(|rule| {
                let root = rule.root("web", None).unwrap();
                (rule, root)
            })
            .collect();
        let changes = changes
            .iter()
            .map(|(path, change)| (PathBuf::from(path), *change))
            .collect();
        Batch::of(&rules, &changes)
    }

    #[test]
    fn files_go_where_the_rule_says() {
        let batch = of(
            serde_json::json!([{"action": "sync", "path": "/p/src", "target": "/app/", "ignore": ["*.foo"]}]),
            &[
                ("/p/src/a/b.py", Change::Written),
                ("/p/src/old.py", Change::Removed),
                ("/p/src/x.foo", Change::Written),
                ("/p/other", Change::Written),
            ],
        );
        assert_eq!(
            batch.write.into_iter().collect::<Vec<_>>(),
            [("/app/a/b.py".to_owned(), PathBuf::from("/p/src/a/b.py"))]
        );
        assert_eq!(batch.remove, ["/app/old.py"]);
        assert!(!batch.rebuild && !batch.restart);
    }

    #[test]
    fn a_file_goes_to_the_target_itself() {
        let batch = of(
            serde_json::json!([{"action": "sync+restart", "path": "/p/a.conf", "target": "/etc/b.conf"}]),
            &[("/p/a.conf", Change::Written)],
        );
        assert_eq!(batch.write["/etc/b.conf"], PathBuf::from("/p/a.conf"));
        assert!(batch.restart);
    }

    #[test]
    fn every_rule_that_is_concerned_has_its_say() {
        let batch = of(
            serde_json::json!([
                {"action": "rebuild", "path": "/p/package.json"},
                {"action": "restart", "path": "/p/config"},
                {"action": "sync+exec", "path": "/p", "target": "/app", "include": ["*.py"],
                 "exec": {"command": ["reload"]}},
            ]),
            &[
                ("/p/package.json", Change::Written),
                ("/p/a.py", Change::Written),
            ],
        );
        assert!(batch.rebuild);
        assert!(!batch.restart);
        assert_eq!(batch.exec[0].command, ["reload"]);
        assert_eq!(batch.write.keys().collect::<Vec<_>>(), ["/app/a.py"]);
    }

    #[test]
    fn an_unknown_action_is_refused() {
        let refused = rules(
            "web",
            &service(serde_json::json!([{"action": "dance", "path": "/p"}])),
        );
        assert!(refused.unwrap_err().to_string().contains("`web`"));
    }
}
