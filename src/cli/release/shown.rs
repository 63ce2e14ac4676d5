//! Releases as people read them.

use crate::release::{Checked, ComponentRecord, Record, Verdict, megabytes};
use crate::report::{Console, Table, Tone, short_id};

pub fn component(console: &Console, name: &str, component: &ComponentRecord) -> String {
    let mut text = format!(
        "{name}: image {}, {}, {}\n",
        short_id(&component.image_id),
        megabytes(component.size),
        component.platform
    );
    for (repository, pushed) in &component.repositories {
        let digest = pushed.digest.as_deref().unwrap_or("not pushed");
        text.push_str(&format!(
            "  {repository}: {} ({digest})\n",
            component.tags.join(" ")
        ));
    }
    if let Some(release) = &component.carried_from {
        text.push_str(&format!("  as release {release} made it\n"));
    }
    if let Some(tested) = &component.tested_by {
        text.push_str(&format!(
            "  tested by run {} ({})\n",
            tested.run, tested.covers
        ));
    }
    for checked in &component.checks {
        text.push_str(&check(console, checked));
    }
    text.trim_end().to_owned()
}

fn check(console: &Console, checked: &Checked) -> String {
    let (mark, tone) = match checked.verdict {
        Verdict::Passed => ("✓", Tone::Good),
        Verdict::Failed => ("✗", Tone::Bad),
        Verdict::Skipped => ("-", Tone::Quiet),
    };
    let mut text = format!(
        "  {} {:<15}  {}\n",
        console.paint_data(tone, mark),
        checked.check,
        checked.message
    );
    for detail in &checked.details {
        text.push_str(&format!("      {detail}\n"));
    }
    text
}

pub fn release(console: &Console, record: &Record) -> String {
    let mark = if record.dirty { ", with changes" } else { "" };
    let version = match &record.release {
        Some(version) => format!(", version {version}"),
        None => String::new(),
    };
    let mut text = format!(
        "release {} of {}{version}, commit {}{mark}",
        record.id,
        record.project,
        record.revision.get(..12).unwrap_or(&record.revision)
    );
    for (name, one) in &record.components {
        text.push('\n');
        text.push_str(&component(console, name, one));
    }
    text
}

pub fn list(console: &Console, records: &[Record], current: &[&str]) -> String {
    let titles = ["RELEASE", "ENV", "VERSION", "COMMIT", "COMPONENTS", ""];
    let mut table = Table::new(titles, console.data_width());
    for record in records {
        let commit = record.revision.get(..7).unwrap_or_default();
        let components: Vec<&str> = record.components.keys().map(String::as_str).collect();
        table.row([
            record.id.clone(),
            record.env.clone().unwrap_or_default(),
            record.release.clone().unwrap_or_default(),
            format!("{commit}{}", if record.dirty { "-dirty" } else { "" }),
            components.join(" "),
            match current.contains(&record.id.as_str()) {
                true => "current".to_owned(),
                false => String::new(),
            },
        ]);
    }
    table.render()
}
