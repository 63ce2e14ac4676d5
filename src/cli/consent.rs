//! The question before a project from elsewhere runs here.

use std::collections::BTreeMap;

use super::context::Context;
use super::{Exit, Failure};
use crate::build::written_caches;
use crate::load::without_password;
use crate::model::{MountKind, Project};
use crate::report::terminal::{Answers, stdin_is_terminal};
use crate::resolve::Resolved;
use crate::secret::is_secret;
use crate::source::{Change, Kind, Node, Span, Supply};

/// Where a yes may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yes {
    /// It was said beforehand.
    Said,
    FromInput,
    /// Other input is for the container.
    FromTerminal,
}

/// Where the project's own files were fetched, shows what it would get of this machine, and asks. Where nobody sits at a
/// terminal, only those are asked about that Compose asks about: they write `${..}`, or take further files from elsewhere.
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
    let got = Got::of(context, resolved);
    let asks = match stdin_is_terminal() {
        true => !got.is_nothing(),
        false => got.is_interpolated || !got.files.is_empty(),
    };
    if !asks {
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
    /// Whether one of the variables stands as `${..}` in a file.
    is_interpolated: bool,
    /// Names, with values and who has set them.
    variables: Vec<(String, String)>,
    /// Services, with what they see of the disk.
    mounts: Vec<(String, String)>,
}

impl Got {
    fn of(context: &Context, resolved: &Resolved) -> Got {
        let of_layers: Vec<&str> = resolved
            .layers
            .iter()
            .filter_map(|layer| layer.reference.as_deref())
            .collect();
        let files = resolved.remotes.references();
        let mut supplied = Vec::new();
        supplies(&resolved.document, &mut supplied);
        supplied.retain(|one| !is_own(resolved, one.supply));
        let is_written = |one: &Supplied| {
            let written = resolved.sources.slice(one.template);
            written.is_some_and(|text| text.contains('$'))
        };
        let named: BTreeMap<&str, &Supply> = supplied
            .iter()
            .map(|one| (one.variable, one.supply))
            .collect();
        Got {
            is_interpolated: supplied.iter().any(is_written),
            files: files
                .filter(|reference| !of_layers.contains(reference))
                .map(without_password)
                .collect(),
            variables: named
                .into_iter()
                .map(|(name, supply)| (name.to_owned(), value_of(resolved, name, supply)))
                .collect(),
            mounts: mounts(context, &resolved.project, resolved),
        }
    }

    fn is_nothing(&self) -> bool {
        self.files.is_empty() && self.variables.is_empty() && self.mounts.is_empty()
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

/// A variable that a value of the document was made with.
struct Supplied<'d> {
    variable: &'d str,
    supply: &'d Supply,
    /// Where it is named.
    template: Span,
}

fn supplies<'d>(node: &'d Node, found: &mut Vec<Supplied<'d>>) {
    for change in node.history.as_deref().into_iter().flatten() {
        if let Change::Interpolated {
            template,
            substitutions,
        } = change
        {
            found.extend(substitutions.iter().map(|one| Supplied {
                variable: &one.variable,
                supply: &one.supply,
                template: *template,
            }));
        }
    }
    match &node.kind {
        Kind::Sequence(items) => items.iter().for_each(|item| supplies(item, found)),
        Kind::Mapping(members) => members.values().for_each(|member| supplies(member, found)),
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

/// What is mounted, or written by a build, that is no part of a copy.
fn mounts(context: &Context, project: &Project, resolved: &Resolved) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, service) in &project.services {
        let caches = service
            .build
            .iter()
            .flat_map(|build| written_caches(build, &project.directory, &context.environment));
        for cache in caches.filter(|cache| cache.kind == "local") {
            let directory = cache.parameters.get("dest").map_or("", String::as_str);
            if !resolved.remotes.hold(directory.as_ref()) {
                let directory = directory.escape_debug();
                found.push((
                    name.clone(),
                    format!("{directory}, to leave a build cache in"),
                ));
            }
        }
        for mount in &service.volumes {
            let source = mount.source.as_deref().unwrap_or_default();
            if mount.kind == MountKind::Bind && !resolved.remotes.hold(source.as_ref()) {
                let mode = if mount.read_only { ", to read" } else { "" };
                let source = source.escape_debug();
                found.push((name.clone(), format!("{source}{mode}")));
            }
        }
    }
    found
}
