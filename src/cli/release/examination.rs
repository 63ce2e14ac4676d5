use std::path::Path;

use super::make::Making;
use crate::cli::Failure;
use crate::cli::context::Context;
use crate::release::{
    Checked, Component, ComponentRecord, Record, SecretValues, Verdict, base_of, inspect,
    sbom_document, scan,
};

impl Making<'_> {
    /// Checks an image and describes it; its SBOM is written into the release's directory.
    pub(super) async fn look(
        &self,
        component: &Component,
        former: Option<&ComponentRecord>,
        directory: &Path,
    ) -> Result<ComponentRecord, Failure> {
        let console = &self.context.console;
        console.say(&format!("checking {}", component.reference));
        let secrets = SecretValues::of(self.project, &self.context.environment, &self.context.disk);
        let found = inspect(self.engine(), component, self.graph, &secrets).await?;
        let mut record = found.record(component);
        record.base = base_of(self.engine(), component, self.graph).await?;
        let file = format!("sbom-{}.cdx.json", component.name);
        let created = chrono::DateTime::from_timestamp(self.revision.committed, 0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let sbom = sbom_document(&found.tree(), &component.name, &found.image.id, &created);
        let text = serde_json::to_string_pretty(&sbom).map_err(anyhow::Error::from)?;
        let path = directory.join(&file);
        std::fs::write(&path, text + "\n").map_err(|error| {
            Failure::Apply(format!("cannot write `{}`: {error}", path.display()))
        })?;
        record.sbom = Some(file);
        record.checks = found.checks(self.project, component, &secrets, former);
        let limit = component.limits.vulnerabilities;
        record
            .checks
            .push(scan(&path, limit, &self.context.environment).await);
        note_skipped(self.context, &component.name, &record.checks);
        Ok(record)
    }
}

/// Why checks keep a release back, one sentence for each that failed.
pub(super) fn refusals(record: &Record) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, component) in &record.components {
        let failed = component
            .checks
            .iter()
            .filter(|checked| checked.verdict == Verdict::Failed);
        refused.extend(failed.map(|checked| {
            format!(
                "{name} is not released: {}: {}",
                checked.check, checked.message
            )
        }));
    }
    refused
}

/// What was not checked for want of a program is said at once.
fn note_skipped(context: &Context, component: &str, checks: &[Checked]) {
    for checked in checks {
        if checked.verdict == Verdict::Skipped && checked.message.starts_with("not ") {
            context.console.note(&format!(
                "{component}: {}: {}",
                checked.check, checked.message
            ));
        }
    }
}
