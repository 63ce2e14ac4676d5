use std::collections::BTreeMap;

use clap::Args;

use super::context::Context;
use super::listing::Listing;
use super::{Exit, Failure};
use crate::engine::{ContainerStatus, ContainerSummary};
use crate::observe::labels;
use crate::report::Table;
use crate::report::gotemplate::{Format, Row};

/// List the projects that the engine has
#[derive(Args, Debug)]
pub struct Ls {
    /// Stopped ones too
    #[arg(short, long)]
    pub all: bool,
    /// Only with names that contain this (`name=app`)
    #[arg(long, value_name = "name=TEXT")]
    pub filter: Vec<String>,
    /// `table`, `json`, or a Go template: `{{.Name}}`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: String,
    /// Only names
    #[arg(short, long)]
    pub quiet: bool,
}

impl Ls {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let names: Vec<&str> = self
            .filter
            .iter()
            .map(|filter| match filter.split_once('=') {
                Some(("name", text)) => Ok(text),
                _ => Err(Failure::Usage(format!(
                    "`--filter {filter}` is unknown; the filter is `name=TEXT`"
                ))),
            })
            .collect::<Result<_, _>>()?;
        let format = Format::parse(&self.format)?;
        let engine = context.engine().await?;
        let containers = engine.list_containers(&[(labels::PROJECT, "")]).await?;
        let mut projects = group(&containers, self.all);
        projects.retain(|name, _| names.is_empty() || names.iter().any(|text| name.contains(text)));
        let console = &context.console;
        if self.quiet {
            projects.keys().for_each(|name| console.data(name));
        } else {
            let row = |(name, project): (&String, &Project)| {
                let mut row = Row::default();
                row.set("Name", name.as_str());
                row.set("Status", project.status.as_str());
                row.set("ConfigFiles", project.files.as_str());
                row
            };
            let listing = Listing {
                format,
                rows: projects.iter().map(row).collect(),
                titles: &[("ConfigFiles", "CONFIG FILES")],
                as_list: true,
            };
            if listing.show(console, &row((&String::new(), &Project::default())))? {
                return Ok(Exit::OK);
            }
            let titles = ["NAME", "STATUS", "CONFIG FILES"];
            let mut table = Table::new(titles, context.table_width());
            for (name, row) in projects {
                table.row([name, row.status, row.files]);
            }
            if context.globals.as_compose {
                table.at_least(20);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Project {
    /// `exited(1), running(2)`
    status: String,
    files: String,
}

/// Projects by name, of those containers that count: running ones, or all of them.
fn group(containers: &[ContainerSummary], all: bool) -> BTreeMap<String, Project> {
    let mut counts: BTreeMap<String, (BTreeMap<&'static str, usize>, Vec<String>)> =
        BTreeMap::new();
    for one in containers {
        let label = |key: &str| one.labels.get(key).cloned().unwrap_or_default();
        let runs = matches!(
            one.status,
            ContainerStatus::Running | ContainerStatus::Paused | ContainerStatus::Restarting
        );
        if !all && !runs {
            continue;
        }
        let (states, files) = counts.entry(label(labels::PROJECT)).or_default();
        *states.entry(word(one.status)).or_default() += 1;
        for file in label(labels::CONFIG_FILES).split(',') {
            if !file.is_empty() && !files.iter().any(|known| known == file) {
                files.push(file.to_owned());
            }
        }
    }
    counts
        .into_iter()
        .map(|(name, (states, files))| {
            let states: Vec<String> = states
                .iter()
                .map(|(state, count)| format!("{state}({count})"))
                .collect();
            let status = states.join(", ");
            let files = files.join(",");
            (name, Project { status, files })
        })
        .collect()
}

pub fn word(status: ContainerStatus) -> &'static str {
    match status {
        ContainerStatus::Created => "created",
        ContainerStatus::Running => "running",
        ContainerStatus::Paused => "paused",
        ContainerStatus::Restarting => "restarting",
        ContainerStatus::Removing => "removing",
        ContainerStatus::Exited => "exited",
        ContainerStatus::Dead => "dead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_by_project() {
        let container = |project: &str, status| ContainerSummary {
            status,
            labels: [
                (labels::PROJECT.to_owned(), project.to_owned()),
                (labels::CONFIG_FILES.to_owned(), "/f".to_owned()),
            ]
            .into_iter()
            .collect(),
            ..ContainerSummary::default()
        };
        let containers = [
            container("b", ContainerStatus::Running),
            container("b", ContainerStatus::Exited),
            container("b", ContainerStatus::Running),
            container("a", ContainerStatus::Exited),
        ];
        let running = group(&containers, false);
        assert_eq!(running.len(), 1);
        assert_eq!(running["b"].status, "running(2)");
        let all = group(&containers, true);
        assert_eq!(all["a"].status, "exited(1)");
        assert_eq!(all["b"].status, "exited(1), running(2)");
        assert_eq!(all["b"].files, "/f");
    }
}
