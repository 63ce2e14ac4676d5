use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use futures_util::StreamExt;
use serde_json::json;

use super::context::Context;
use super::logs::moment;
use super::{Exit, Failure, interrupt};
use crate::apply::CancelLevel;
use crate::engine::{EngineEvent, EventKind};
use crate::observe::labels;

/// Print what happens to the containers, as it happens
#[derive(Args, Debug)]
pub struct Events {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// From a time on (2026-01-02T13:23:37Z) or for the last while (42m)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Until a time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Events {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let services = scope.services()?;
        let since = self.since.as_deref().map(seconds).transpose()?;
        let until = self.until.as_deref().map(seconds).transpose()?;
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let mut events = engine
            .events(&[(labels::PROJECT, scope.name())], since, until)
            .await?;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = cancel.reached(CancelLevel::Finish) => return Ok(Exit::OK),
            };
            let Some(event) = event else {
                return Ok(Exit::OK);
            };
            let event = event?;
            let service = event.attributes.get(labels::SERVICE);
            let wanted = services.is_empty() || service.is_some_and(|one| services.contains(one));
            let one_off = event
                .attributes
                .get(labels::ONE_OFF)
                .is_some_and(|value| value == "True");
            if event.kind == EventKind::Container && wanted && !one_off {
                context.console.data(&line(&event, self.json));
            }
        }
    }
}

/// Whole seconds since 1970; the engine filters no finer.
fn seconds(text: &str) -> Result<i64, Failure> {
    let moment = moment(text)?;
    let whole = moment.split('.').next().unwrap_or(&moment);
    whole.parse().map_err(|_| {
        Failure::Usage(format!(
            "`{text}` is no time; write `2026-01-02T13:23:37Z` or how long ago: `42m`"
        ))
    })
}

/// An event in one line; what Compose and wharf note on their containers is left out.
fn line(event: &EngineEvent, as_json: bool) -> String {
    let attributes: BTreeMap<&str, &str> = event
        .attributes
        .iter()
        .filter(|(key, _)| !key.starts_with("com.docker.compose.") && !key.starts_with("wharf."))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let time = DateTime::from_timestamp_nanos(event.time_nanos);
    if as_json {
        return json!({
            "action": event.action,
            "attributes": attributes,
            "id": event.actor,
            "service": event.attributes.get(labels::SERVICE),
            "time": time.to_rfc3339_opts(SecondsFormat::Nanos, true),
            "type": "container",
        })
        .to_string();
    }
    let details: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "{} container {} {} ({})",
        time.format("%Y-%m-%d %H:%M:%S%.6f"),
        event.action,
        event.actor,
        details.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookkeeping_is_not_told() {
        let pairs = [
            ("image", "debian"),
            (labels::SERVICE, "web"),
            (labels::SPEC, "..."),
            ("exitCode", "3"),
        ];
        let event = EngineEvent {
            kind: EventKind::Container,
            action: "die".into(),
            actor: "abc".into(),
            attributes: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            time_nanos: 1_500_000_000,
        };
        assert_eq!(
            line(&event, false),
            "1970-01-01 00:00:01.500000 container die abc (exitCode=3, image=debian)"
        );
        assert_eq!(
            line(&event, true),
            r#"{"action":"die","attributes":{"exitCode":"3","image":"debian"},"id":"abc","service":"web","time":"1970-01-01T00:00:01.500000000Z","type":"container"}"#
        );
    }

    #[test]
    fn times_are_whole_seconds() {
        assert!(matches!(seconds("2026-01-02T13:23:37Z"), Ok(1_767_360_217)));
        assert!(seconds("soon").is_err());
    }
}
