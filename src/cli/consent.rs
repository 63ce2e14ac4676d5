//! The question before a project from elsewhere runs here.

use indexmap::IndexMap;

use super::context::Context;
use super::{Exit, Failure};
use crate::load::without_password;
use crate::model::{MountKind, Project};
use crate::report::terminal::{Answers, stdin_is_terminal};
use crate::resolve::Resolved;
use crate::secret::is_secret;
use crate::source::{Change, Kind, Node, Supply};

/// Where a yes may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yes {
    /// It was said beforehand.
    Said,
    FromInput,
    /// Other input is for the container.
    FromTerminal,
}

/// Where the project's own files were fetched, shows what it would get of this machine, and asks. As with Compose, one that
/// gets no variables and brings in no further remote files may run.
///
/// # Errors
/// [`Failure::Worded`] unless somebody says yes.
pub async fn ask_for_remote(
    context: &Context,
    resolved: &Resolved,
    yes: Yes,
) -> Result<(), Failure> {
    let first = resolved.layers.first();
    let Some(reference) = first.and_then(|layer| layer.reference.as_deref()) else {
        return Ok(());
    };
    if yes == Yes::Said || context.globals.dry_run {
        return Ok(());
    }
    let got = Got::of(resolved);
    let asks = !got.variables.is_empty() || !got.files.is_empty();
    if !asks && (got.mounts.is_empty() || !stdin_is_terminal()) {
        return Ok(());
    }
    let shown = without_password(reference);
    let question = format!("{}Start it? [y/N]: ", got.text(&shown));
    let answer = match yes {
        Yes::FromTerminal if !stdin_is_terminal() => {
            context.console.raw_talk(format!("{question}\n").as_bytes());
            None
        }
        _ => Answers::default().ask(&context.console, &question).await,
    };
    if answer == Some(true) {
        return Ok(());
    }
    Err(Failure::Worded {
        message: "nothing is started\nhelp: `--yes` says yes beforehand".into(),
        compose: "operation cancelled by user".into(),
        exit: Exit::INTERRUPTED,
    })
}

/// What a project from elsewhere gets of this machine, and takes from others.
struct Got {
    /// Further remote references.
    files: Vec<String>,
    /// Names, with values and who has set them.
    variables: Vec<(String, String)>,
    /// Services, with what they see of the disk.
    mounts: Vec<(String, String)>,
}

impl Got {
    fn of(resolved: &Resolved) -> Got {
        let of_layers: Vec<&str> = resolved
            .layers
            .iter()
            .filter_map(|layer| layer.reference.as_deref())
            .collect();
        let files = resolved.remotes.references();
        let mut supplies = IndexMap::new();
        supplied(&resolved.document, &mut supplies);
        supplies.sort_keys();
        Got {
            files: files
                .filter(|reference| !of_layers.contains(reference))
                .map(without_password)
                .collect(),
            variables: supplies
                .into_iter()
                .filter(|(_, supply)| !is_own(resolved, supply))
                .map(|(name, supply)| {
                    let value = value_of(resolved, &name, supply);
                    (name, value)
                })
                .collect(),
            mounts: mounts(&resolved.project, resolved),
        }
    }

    fn text(&self, reference: &str) -> String {
        let mut text = format!("`{reference}` is a project from elsewhere.\n");
        if !self.files.is_empty() {
            text.push_str("It takes files from\n");
            for file in &self.files {
                text.push_str(&format!("  {file}\n"));
            }
        }
        let mut list = |title: &str, lines: &[(String, String)]| {
            if lines.is_empty() {
                return;
            }
            text.push_str(title);
            let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in lines {
                text.push_str(&format!("  {name:width$}  {value}\n"));
            }
        };
        list("It gets these variables:\n", &self.variables);
        list("Its services see of this machine:\n", &self.mounts);
        text
    }
}

/// The variables that values of the document were made with.
fn supplied<'d>(node: &'d Node, found: &mut IndexMap<String, &'d Supply>) {
    let history = node.history.as_deref().into_iter().flatten();
    for change in history {
        if let Change::Interpolated { substitutions, .. } = change {
            for one in substitutions {
                found.insert(one.variable.to_string(), &one.supply);
            }
        }
    }
    match &node.kind {
        Kind::Sequence(items) => items.iter().for_each(|item| supplied(item, found)),
        Kind::Mapping(members) => members.values().for_each(|member| supplied(member, found)),
        _ => {}
    }
}

/// Whether a value comes from the project itself: from an env file in a copy.
fn is_own(resolved: &Resolved, supply: &Supply) -> bool {
    let Supply::EnvFile(span) = supply else {
        return false;
    };
    let file = resolved.sources.get(span.source);
    file.is_some_and(|file| resolved.remotes.hold(&file.path))
}

fn value_of(resolved: &Resolved, name: &str, supply: &Supply) -> String {
    let value = match resolved.variables.value(name) {
        Some(value) if !is_secret(name) => format!("{value:?}"),
        // What only the service's own environment has is not repeated either.
        Some(_) | None => "a value".to_owned(),
    };
    match supply {
        Supply::Shell => format!("{value} of the shell"),
        Supply::EnvFile(_) => format!("{value} of an env file of this machine"),
        Supply::Caller => format!("{value} of wharf"),
        Supply::Expression => "its own default".to_owned(),
        Supply::Unset => "unset".to_owned(),
    }
}

/// What is mounted that is no part of a copy.
fn mounts(project: &Project, resolved: &Resolved) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, service) in &project.services {
        for mount in &service.volumes {
            let source = mount.source.as_deref().unwrap_or_default();
            if mount.kind == MountKind::Bind && !resolved.remotes.hold(source.as_ref()) {
                let mode = if mount.read_only { ", to read" } else { "" };
                found.push((name.clone(), format!("{source}{mode}")));
            }
        }
    }
    found
}
