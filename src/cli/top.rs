use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::report::Table;

/// Show the processes in the containers
#[derive(Args, Debug)]
pub struct Top {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Top {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let as_compose = context.globals.as_compose;
        if !as_compose {
            scope.services()?;
        }
        let engine = context.engine().await?;
        let mut titles: Vec<String> = Vec::new();
        let mut rows = Vec::new();
        for container in scope.listed(&engine, as_compose).await? {
            if !container.is_running() {
                continue;
            }
            let (own, processes) = engine.container_top(&container.id, "").await?;
            // Containers on one engine have the same columns unless their hosts' `ps` differ; a new one goes to the end.
            for title in own.iter() {
                if !titles.contains(title) {
                    titles.push(title.clone());
                }
            }
            for process in processes {
                let named: Vec<(String, String)> = own.iter().cloned().zip(process).collect();
                rows.push((container.service.clone(), container.number, named));
            }
        }
        if rows.is_empty() {
            context.say_of_itself("nothing runs");
            return Ok(Exit::OK);
        }
        let head = ["SERVICE", "#"]
            .into_iter()
            .chain(titles.iter().map(String::as_str));
        let mut table = Table::new(head, context.table_width());
        table.can_spare(&["C", "STIME", "TTY", "PPID", "TIME"]);
        if as_compose {
            table.apart(2);
            table.at_least(4);
        }
        for (service, number, named) in rows {
            let cell = |title: &String| {
                let found = named.iter().find(|(name, _)| name == title);
                found.map_or("-".to_owned(), |(_, value)| value.clone())
            };
            table.row(
                [service, number.to_string()]
                    .into_iter()
                    .chain(titles.iter().map(cell)),
            );
        }
        context.console.data(&table.render());
        Ok(Exit::OK)
    }
}
