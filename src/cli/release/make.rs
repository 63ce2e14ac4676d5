use std::path::PathBuf;

use indexmap::IndexMap;

use super::examination::refusals;
use super::{Release, record_path, shown, with_env};
use crate::apply::{Cancel, CancelLevel};
use crate::build::ImageGraph;
use crate::cli::building::{check_images, graph_of};
use crate::cli::context::{Context, Purpose};
use crate::cli::{Exit, Failure, interrupt};
use crate::diagnostic::{Diagnostic, render};
use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::model::{Project, ReleaseDeclaration};
use crate::release::{
    Component, ComponentError, Naming, PINNED, RECORD, Record, Releases, Revision, TagError,
    candidate, components, covering, make_room, pinned, read_revision,
};
use crate::source::{Node, Path, Sources, Span};
use crate::suite;

/// What one release is made from.
pub(super) struct Making<'m> {
    pub(super) context: &'m Context,
    pub(super) docker: &'m DockerEngine,
    pub(super) project: &'m Project,
    pub(super) graph: &'m ImageGraph,
    pub(super) revision: &'m Revision,
    pub(super) declaration: &'m ReleaseDeclaration,
    pub(super) cancel: &'m Cancel,
}

pub async fn make(release: &Release, context: &Context) -> Result<Exit, Failure> {
    let scope = context.project(&with_env(context, &release.words), Purpose::Build)?;
    let wanted = scope.words.clone();
    let resolved = scope.into_resolved()?;
    let project = &resolved.project;
    let mut sources = resolved.sources.clone();
    let declaration = project.wharf.release.clone().unwrap_or_default();
    let console = &context.console;

    let copy = record_path(project, release.output.as_deref());
    let releases = Releases::of(&project.directory, project.env.as_deref());
    let mut own: Vec<PathBuf> = [PINNED, RECORD]
        .map(|name| project.directory.join(name))
        .to_vec();
    own.extend([copy.clone(), record_path(project, None)]);
    own.extend(releases.currents().into_iter().map(|(_, copy)| copy));
    let revision = read_revision(&project.directory, &context.environment, &own)
        .await
        .map_err(|error| Failure::Apply(error.to_string()))?;
    let naming = Naming {
        declared: &declaration.tags,
        main_branch: declaration.main_branch.as_deref(),
        revision: &revision,
        env: project.env.as_deref(),
        project: &project.name,
    };
    let tags = naming.tags(&mut sources);
    let tags = tags.map_err(|error| match tag_finding(&resolved.document, &error) {
        Some(finding) => template(context, &sources, &finding),
        None => Failure::Apply(error.to_string()),
    })?;
    tags.notes.iter().for_each(|note| console.note(note));

    let graph = graph_of(project, context, &resolved)?;
    let found = components(project, &graph, &declaration, &mut sources);
    let found = found.map_err(|error| match &error {
        ComponentError::Template(finding) => template(context, &sources, finding),
        other => Failure::Usage(other.to_string()),
    })?;
    let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
    let mut components = choose(found, &wanted)?;
    if !release.dry_run {
        make_room(&copy)
            .map_err(|error| Failure::Apply(format!("the record cannot be written: {error}")))?;
    }
    if release.push {
        for repository in components.iter().flat_map(|one| &one.repositories) {
            if !repository.contains('/') {
                return Err(Failure::Usage(format!(
                    "`{repository}` names no registry that one can push to\nhelp: say where with `x-wharf: {{release: {{repositories: [\"registry.example/team/{{{{ component }}}}\"]}}}}`"
                )));
            }
        }
    }

    let built = components.iter().filter_map(|one| one.image.as_ref());
    check_images(context, &graph, &graph.dag.closure(built), &resolved)?;

    let cancel = interrupt::listen();
    // What can be reproduced depends on the engine's image store.
    let docker = context.docker().await?.with_details().await?;
    let making = Making {
        context,
        docker: &docker,
        project,
        graph: &graph,
        revision: &revision,
        declaration: &declaration,
        cancel: &cancel,
    };
    making
        .build(&components, release.verify_reproducible)
        .await?;
    // Coverage is about the image that tests run; its configuration comes after.
    let mut tested = IndexMap::new();
    let cache = context.cache_directory();
    let runs = suite::green_runs(&project.directory).unwrap_or_default();
    for component in &components {
        let candidate = candidate(&docker, component, &graph, cache.as_deref()).await?;
        let covered = covering(&candidate, component.covered_by, &revision, &runs);
        let doubt = candidate
            .doubt(&covered)
            .filter(|_| component.image.is_some());
        if let Some(doubt) = doubt.filter(|_| !release.require_tested) {
            console.warn(&doubt);
        }
        tested.insert(component.name.clone(), covered);
    }
    making.configure(&mut components, &sources).await?;

    let now = chrono::Utc::now();
    let mut record = Record {
        version: Record::VERSION,
        id: Record::id_of(now, revision.short()),
        project: project.name.clone(),
        env: project.env.clone(),
        created: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        revision: revision.sha.clone(),
        branch: revision.branch.clone(),
        release: revision.version.as_ref().map(ToString::to_string),
        dirty: revision.dirty,
        components: IndexMap::new(),
    };
    let former = releases.read("current").ok();
    let draft = releases.draft(&record.id).map_err(|error| {
        Failure::Apply(format!("cannot make a directory for the release: {error}"))
    })?;
    let mut untested = Vec::new();
    for component in &components {
        let before = former
            .as_ref()
            .and_then(|one| one.components.get(&component.name));
        let mut one = tokio::select! {
            one = making.look(component, before, draft.directory()) => one?,
            () = cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
        };
        match tested.swap_remove(&component.name) {
            Some(Ok(by)) => one.tested_by = Some(by),
            Some(Err(missing)) => untested.push(format!("{}: {missing}", component.name)),
            None => {}
        }
        one.tags = tags.names.clone();
        record.components.insert(component.name.clone(), one);
    }
    let mut refused = refusals(&record);
    if release.require_tested {
        refused.extend(untested);
    } else {
        untested.iter().for_each(|missing| console.note(missing));
    }
    if !refused.is_empty() || release.dry_run {
        drop(draft);
        show(context, release, &record)?;
        if refused.is_empty() {
            console.say(&format!(
                "would be tagged {}; nothing was written, tagged or pushed",
                tags.names.join(" ")
            ));
            return Ok(Exit::OK);
        }
        for why in &refused {
            console.error(why);
        }
        return Err(Failure::Told);
    }

    making
        .publish(release, &components, &mut record, &tags.names)
        .await?;
    carry(context, &releases, &mut record, former.as_ref(), &names);
    note_other_env(context, &releases, &record);
    releases
        .keep(draft, &record, &pinned(&record), &copy)
        .map_err(|error| Failure::Apply(format!("cannot write the record: {error}")))?;
    show(context, release, &record)?;
    let shown = copy.strip_prefix(&project.directory).unwrap_or(&copy);
    console.say(&format!(
        "recorded in {}; {PINNED} pins it",
        shown.display()
    ));
    Ok(Exit::OK)
}

/// What was not released now stays in the record and in the layer that pins it, as it was released last.
fn carry(
    context: &Context,
    releases: &Releases,
    record: &mut Record,
    former: Option<&Record>,
    components: &[String],
) {
    for name in record.carry(former, components) {
        context
            .console
            .note(&format!("{name} is not pinned: it was never released"));
    }
    let Some(former) = former else {
        return;
    };
    let (from, to) = (
        releases.directory(&former.id),
        releases.directory(&record.id),
    );
    let carried = record.components.values_mut();
    for component in carried.filter(|component| component.carried_from.is_some()) {
        // Its files lie beside the record.
        component.sbom = component
            .sbom
            .take()
            .filter(|sbom| std::fs::copy(from.join(sbom), to.join(sbom)).is_ok());
    }
}

/// Says when the layer that pins a release was another env's until now.
pub(super) fn note_other_env(context: &Context, releases: &Releases, record: &Record) {
    let Some(before) = releases.pinned_now() else {
        return;
    };
    if before.env == record.env {
        return;
    }
    let (id, whose) = (&before.id, before.env.as_deref().unwrap_or("no env"));
    context.console.note(&format!(
        "{PINNED} pinned release {id} ({whose}) until now; `wharf release rollback {id}` brings that back"
    ));
}

fn show(context: &Context, release: &Release, record: &Record) -> Result<(), Failure> {
    let text = match release.format.as_str() {
        "json" => serde_json::to_string_pretty(record).map_err(anyhow::Error::from)?,
        _ => shown::release(&context.console, record),
    };
    context.console.data(&text);
    Ok(())
}

/// What is wrong with the template of a tag, with its line in the project's files. `None`: it is none's fault.
fn tag_finding(document: &Node, error: &TagError) -> Option<Diagnostic> {
    let declared = document.at(&Path::keys(["x-wharf", "release", "tags"]));
    let written = |template: &str| {
        let mut all = declared.and_then(Node::as_sequence)?.iter();
        Some(all.find(|one| one.as_str() == Some(template))?.span)
    };
    match error {
        TagError::DirtyVersion { .. } => None,
        TagError::NoTag { template, tag } => Some(
            Diagnostic::error("bad-tag", format!("this template gives `{tag}`, which is no tag"))
                .at(written(template).unwrap_or(Span::NONE), "")
                .help("a tag has letters, digits, `_`, `.` and `-`, at most 128 of them, and begins with none of `.` and `-`"),
        ),
        TagError::Template { template, finding } => {
            let finding = Diagnostic::clone(finding);
            Some(match written(template) {
                Some(place) => finding.because(place, "the template"),
                None => finding,
            })
        }
    }
}

fn template(context: &Context, sources: &Sources, finding: &Diagnostic) -> Failure {
    let console = &context.console;
    let shown = render(finding, sources, console.talk_has_colour(), console.width());
    console.insist(&shown);
    Failure::Project
}

fn choose(found: Vec<Component>, wanted: &[String]) -> Result<Vec<Component>, Failure> {
    for word in wanted {
        if !found.iter().any(|one| one.name == *word) {
            let known: Vec<String> = found.iter().map(|one| format!("`{}`", one.name)).collect();
            return Err(Failure::Usage(format!(
                "the release has no component `{word}`\nhelp: its components are {}",
                known.join(", ")
            )));
        }
    }
    let is_wanted = |one: &Component| wanted.is_empty() || wanted.contains(&one.name);
    Ok(found.into_iter().filter(is_wanted).collect())
}

impl Making<'_> {
    pub(super) fn engine(&self) -> &dyn Engine {
        self.docker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::parse;

    #[test]
    fn a_bad_tag_is_told_with_the_line_of_its_template() {
        let text = "services: {}\nx-wharf:\n  release:\n    tags:\n      - sha\n      - 'v {{ sha }}'\n      - '{{ versio }}'\n";
        let revision = Revision {
            sha: "0123456789abcdef".into(),
            branch: None,
            version: None,
            versions: Vec::new(),
            shallow: false,
            dirty: false,
            committed: 0,
            source: None,
        };
        let told = |template: &str| {
            let mut sources = Sources::default();
            let id = sources.add(std::path::Path::new("/p/compose.yml"), "compose.yml", text);
            let mut found = Diagnostics::default();
            let document = parse(id, text, &mut found).remove(0);
            let declared = [template.to_owned()];
            let naming = Naming {
                declared: &declared,
                main_branch: None,
                revision: &revision,
                env: None,
                project: "p",
            };
            let error = naming.tags(&mut sources).unwrap_err();
            let finding = tag_finding(&document, &error).unwrap();
            render(&finding, &sources, false, 100)
        };
        let said = told("v {{ sha }}");
        assert!(
            said.contains("error[bad-tag]: this template gives `v 0123456`"),
            "{said}"
        );
        assert!(said.contains("compose.yml:6:9"), "{said}");
        let said = told("{{ versio }}");
        assert!(said.contains("`versio`, which is not defined"), "{said}");
        assert!(said.contains("compose.yml:7:9"), "{said}");
        assert!(said.contains("x-wharf.release.tags:1:4"), "{said}");
    }
}
