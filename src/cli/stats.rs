use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use serde_json::Value;

use super::context::Context;
use super::listing::Listing;
use super::{Exit, Failure, interrupt};
use crate::apply::CancelLevel;
use crate::report::gotemplate::{self, Format};
use crate::report::{Table, prose};

/// Show what the containers use of processors, memory, network and disks
#[derive(Args, Debug)]
pub struct Stats {
    /// Stopped containers too
    #[arg(short, long)]
    pub all: bool,
    /// `table`, `json`, or a Go template: `{{.Name}} {{.CPUPerc}}`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: String,
    /// Only once
    #[arg(long)]
    pub no_stream: bool,
    /// Do not shorten ids
    #[arg(long)]
    pub no_trunc: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Stats {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let as_compose = context.globals.as_compose;
        if !as_compose {
            scope.services()?;
        }
        let format = Format::parse(&self.format)?;
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut streams = Vec::new();
        for container in scope.listed(&engine, as_compose).await? {
            if container.is_running() {
                let stream = engine
                    .container_stats(&container.id, !self.no_stream)
                    .await?;
                let name = container.name.clone();
                let id = container.id.clone();
                streams.push(stream.map(move |value| (name.clone(), id.clone(), value)));
            } else if self.all {
                rows.insert(container.name.clone(), Row::of(&container.id, &Value::Null));
            }
        }
        let mut samples = select_all(streams);
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.tick().await;
        loop {
            tokio::select! {
                sample = samples.next() => match sample {
                    Some((name, id, value)) => {
                        rows.insert(name, Row::of(&id, &value?));
                    }
                    None => {
                        self.print(context, &rows, &format)?;
                        return Ok(Exit::OK);
                    }
                },
                _ = tick.tick(), if !self.no_stream => self.print(context, &rows, &format)?,
                () = cancel.reached(CancelLevel::Finish) => return Ok(Exit::OK),
            }
        }
    }

    fn print(
        &self,
        context: &Context,
        rows: &BTreeMap<String, Row>,
        format: &Format,
    ) -> Result<(), Failure> {
        let console = &context.console;
        let short = |id: &str| match self.no_trunc {
            true => id.to_owned(),
            false => id.get(..12).unwrap_or(id).to_owned(),
        };
        let fields = |name: &str, row: &Row| {
            let mut fields = gotemplate::Row::default();
            fields.set("Name", name);
            fields.set("ID", short(&row.id));
            fields.set("Container", row.id.as_str());
            fields.set("CPUPerc", row.processors.as_str());
            fields.set("MemUsage", row.memory.as_str());
            fields.set("MemPerc", row.memory_share.as_str());
            fields.set("NetIO", row.networks.as_str());
            fields.set("BlockIO", row.disks.as_str());
            fields.set("PIDs", row.processes.as_str());
            fields
        };
        let listing = Listing {
            format: format.clone(),
            rows: rows.iter().map(|(name, row)| fields(name, row)).collect(),
            titles: &TITLES,
            as_list: false,
        };
        if listing.show(console, &fields("", &Row::of("", &Value::Null)))? {
            return Ok(());
        }
        let titles = [
            "CONTAINER ID",
            "NAME",
            "CPU %",
            "MEM USAGE / LIMIT",
            "MEM %",
            "NET I/O",
            "BLOCK I/O",
            "PIDS",
        ];
        let mut table = Table::new(titles, context.table_width());
        if context.globals.as_compose {
            table.at_least(10);
        }
        for (name, row) in rows {
            table.row([
                short(&row.id),
                name.clone(),
                row.processors.clone(),
                row.memory.clone(),
                row.memory_share.clone(),
                row.networks.clone(),
                row.disks.clone(),
                row.processes.clone(),
            ]);
        }
        if !self.no_stream && console.data_goes_to_terminal() {
            // To the top left corner, and away with what was there.
            console.raw_data(b"\x1b[H\x1b[J");
        }
        console.data(&table.render());
        Ok(())
    }
}

const TITLES: [(&str, &str); 6] = [
    ("ID", "CONTAINER ID"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
];

/// A sample in words.
#[derive(Debug, PartialEq)]
struct Row {
    id: String,
    processors: String,
    memory: String,
    memory_share: String,
    networks: String,
    disks: String,
    processes: String,
}

impl Row {
    /// Of the engine's own object; zeros where it has nothing, as of a container that does not run.
    /// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerStats>
    fn of(id: &str, sample: &Value) -> Row {
        let number = |pointer: &str| sample.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let grown = |pointer: &str| {
            let before = number(&format!("/precpu_stats{pointer}"));
            number(&format!("/cpu_stats{pointer}")).saturating_sub(before) as f64
        };
        let (own, all) = (grown("/cpu_usage/total_usage"), grown("/system_cpu_usage"));
        let online = match number("/cpu_stats/online_cpus") {
            0 => 1.0,
            count => count as f64,
        };
        let processors = if all > 0.0 {
            own / all * online * 100.0
        } else {
            0.0
        };
        // What the kernel can take back at once does not count; its name differs between cgroup 1 and 2.
        let cache = match number("/memory_stats/stats/total_inactive_file") {
            0 => number("/memory_stats/stats/inactive_file"),
            count => count,
        };
        let used = number("/memory_stats/usage").saturating_sub(cache);
        let limit = number("/memory_stats/limit");
        let share = if limit > 0 {
            used as f64 / limit as f64 * 100.0
        } else {
            0.0
        };
        let networks = sample.get("networks").and_then(Value::as_object);
        let transferred = |key: &str| -> u64 {
            networks
                .into_iter()
                .flatten()
                .filter_map(|(_, network)| network.get(key)?.as_u64())
                .sum()
        };
        let disks = sample
            .pointer("/blkio_stats/io_service_bytes_recursive")
            .and_then(Value::as_array);
        let moved = |operation: &str| -> u64 {
            disks
                .into_iter()
                .flatten()
                .filter(|row| {
                    row.get("op")
                        .and_then(Value::as_str)
                        .is_some_and(|op| op.eq_ignore_ascii_case(operation))
                })
                .filter_map(|row| row.get("value")?.as_u64())
                .sum()
        };
        let pair = |a: u64, b: u64| format!("{} / {}", prose::bytes(a), prose::bytes(b));
        Row {
            id: id.to_owned(),
            processors: format!("{processors:.2}%"),
            memory: format!("{} / {}", binary(used), binary(limit)),
            memory_share: format!("{share:.2}%"),
            networks: pair(transferred("rx_bytes"), transferred("tx_bytes")),
            disks: pair(moved("read"), moved("write")),
            processes: number("/pids_stats/current").to_string(),
        }
    }
}

/// Bytes in units of 1024, with four digits at most: `23.54GiB`.
fn binary(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    let decimals = match value {
        value if value < 10.0 => 3,
        value if value < 100.0 => 2,
        value if value < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sample_is_told_as_docker_tells_it() {
        let sample = json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 3_145_728, "limit": 4_194_304, "stats": {"inactive_file": 1_048_576}},
            "networks": {"a": {"rx_bytes": 1000, "tx_bytes": 1}, "b": {"rx_bytes": 500, "tx_bytes": 2}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "write", "value": 7}]},
            "pids_stats": {"current": 4},
        });
        let row = Row::of("x", &sample);
        assert_eq!(row.processors, "20.00%");
        assert_eq!(row.memory, "2MiB / 4MiB");
        assert_eq!(row.memory_share, "50.00%");
        assert_eq!(row.networks, "1.5kB / 3B");
        assert_eq!(row.disks, "5B / 7B");
        assert_eq!(row.processes, "4");
    }

    #[test]
    fn what_does_not_run_uses_nothing() {
        let row = Row::of("x", &Value::Null);
        assert_eq!(row.processors, "0.00%");
        assert_eq!(row.memory, "0B / 0B");
    }

    #[test]
    fn sizes_have_four_digits_at_most() {
        assert_eq!(binary(384 << 10), "384KiB");
        assert_eq!(binary(25_275_872_543), "23.54GiB");
        assert_eq!(binary(1023 << 20), "1023MiB");
    }
}
