//! What became of shipments, and what servers remember, as people and programs read it.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use crate::report::{Table, prose};
use crate::ship::{Delivered, ShipError};

/// What became of the shipment to one server.
#[derive(Debug, Serialize)]
pub(super) struct Shipped {
    /// The server, as the command line names it.
    host: String,
    /// The release's number there. `None`: it failed.
    release: Option<u32>,
    /// Compressed bytes that were sent. `None`: it failed.
    sent: Option<u64>,
    result: Fate,
    /// Why it failed.
    error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    Up,
    Unchanged,
    Prepared,
    Failed,
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Fate::Up => "up",
            Fate::Unchanged => "unchanged",
            Fate::Prepared => "prepared",
            Fate::Failed => "failed",
        }
    }
}

impl Shipped {
    pub(super) fn of(host: &str, done: &Result<Delivered, ShipError>) -> Self {
        let host = host.to_owned();
        match done {
            Ok(done) => Shipped {
                host,
                release: Some(done.number),
                sent: Some(done.sent),
                result: match (done.prepared, done.changed) {
                    (true, _) => Fate::Prepared,
                    (false, true) => Fate::Up,
                    (false, false) => Fate::Unchanged,
                },
                error: None,
            },
            Err(error) => Shipped {
                host,
                release: None,
                sent: None,
                result: Fate::Failed,
                error: Some(reason(error)),
            },
        }
    }
}

/// Why a shipment failed, with what caused it.
pub(super) fn reason(error: &ShipError) -> String {
    match error {
        ShipError::Engine(error) => crate::engine::chain(error),
        other => other.to_string(),
    }
}

/// A row for each server.
pub(super) fn table(shipped: &[Shipped], width: Option<usize>) -> String {
    let mut table = Table::new(["HOST", "RELEASE", "SENT", "RESULT"], width);
    for one in shipped {
        let number = one.release.map(|number| number.to_string());
        table.row([
            one.host.clone(),
            number.unwrap_or_default(),
            one.sent.map(prose::bytes).unwrap_or_default(),
            one.result.word().to_owned(),
        ]);
    }
    table.render()
}

/// A release that a server remembers.
#[derive(Debug, Serialize)]
pub(super) struct Remembered {
    /// The server, as the command line names it.
    pub(super) host: String,
    pub(super) release: u32,
    /// It is the one that runs.
    pub(super) current: bool,
    /// It became healthy once; `rollback` goes back to no other.
    pub(super) came_up: bool,
    /// RFC 3339.
    shipped: String,
}

impl Remembered {
    /// `created`: Unix seconds.
    pub(super) fn new(
        host: &str,
        release: u32,
        created: i64,
        current: bool,
        came_up: bool,
    ) -> Self {
        let shipped = DateTime::from_timestamp(created, 0).unwrap_or_default();
        Remembered {
            host: host.to_owned(),
            release,
            current,
            came_up,
            shipped: shipped.to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }
}

/// A row for each release.
pub(super) fn list(remembered: &[Remembered], width: Option<usize>) -> String {
    let mut table = Table::new(["HOST", "RELEASE", "CURRENT", "SHIPPED"], width);
    for one in remembered {
        let current = match (one.current, one.came_up) {
            (true, _) => "yes",
            (false, true) => "",
            (false, false) => "never came up",
        };
        table.row([
            one.host.clone(),
            one.release.to_string(),
            current.to_owned(),
            one.shipped.clone(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shipments_can_be_read_by_programs() {
        let done = |changed, prepared| {
            Ok(Delivered {
                number: 3,
                changed,
                prepared,
                sent: 1500,
            })
        };
        let all = [
            Shipped::of("ssh://a", &done(true, false)),
            Shipped::of("ssh://b", &done(false, false)),
            Shipped::of("ssh://c", &done(true, true)),
            Shipped::of("ssh://d", &Err(ShipError::Refused("held by x".into()))),
        ];
        let whole = |host: &str, result: &str| json!({"host": host, "release": 3, "sent": 1500, "result": result, "error": null});
        assert_eq!(
            serde_json::to_value(&all).unwrap(),
            json!([
                whole("ssh://a", "up"),
                whole("ssh://b", "unchanged"),
                whole("ssh://c", "prepared"),
                {"host": "ssh://d", "release": null, "sent": null, "result": "failed", "error": "held by x"},
            ])
        );
        let rows = table(&all, None);
        let rows: Vec<Vec<&str>> = rows
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], ["ssh://a", "3", "1.5kB", "up"]);
        assert_eq!(rows[4], ["ssh://d", "failed"]);
    }

    #[test]
    fn what_servers_remember_can_be_read_by_programs() {
        let all = [
            Remembered::new("ssh://a", 2, 1_700_000_000, true, true),
            Remembered::new("ssh://a", 1, 0, false, false),
        ];
        assert_eq!(
            serde_json::to_value(&all).unwrap(),
            json!([
                {"host": "ssh://a", "release": 2, "current": true, "came_up": true, "shipped": "2023-11-14T22:13:20Z"},
                {"host": "ssh://a", "release": 1, "current": false, "came_up": false, "shipped": "1970-01-01T00:00:00Z"},
            ])
        );
        let rows = list(&all, None);
        assert!(
            rows.contains("yes") && rows.contains("never came up"),
            "{rows}"
        );
    }
}
