use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::json;

use super::inspect::sorted;
use super::wire::Call;
use super::{DockerEngine, label_terms};
use crate::engine::{EngineEvent, EngineResult, EngineStream, EventKind, LabelFilter};

/// bollard's own type ends the stream at the first kind of event that it does not know.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
    #[serde(default, rename = "timeNano")]
    time_nanos: i64,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(default, rename = "ID")]
    id: String,
    #[serde(default, rename = "Attributes")]
    attributes: Option<HashMap<String, String>>,
}

impl DockerEngine {
    pub(super) async fn listen(
        &self,
        labels: LabelFilter<'_>,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<EngineStream<EngineEvent>> {
        let since = match since {
            Some(since) => Some(since.to_string()),
            None if self.info.address.starts_with("unix:") => now(),
            None => None,
        };
        let mut filters = json!({ "type": ["container", "image", "network", "volume"] });
        if !labels.is_empty() {
            filters["label"] = json!(label_terms(labels));
        }
        let call = Call::get("/events")
            .with("filters", filters)
            .with_some("since", since)
            .with_some("until", until);
        let messages = self
            .wire
            .values::<Message>("listen to the engine's events", call)
            .await?;
        Ok(Box::pin(messages.map_ok(event)))
    }
}

/// The engine answers before it listens; what happens in between would be lost without a time to start from. Only
/// an engine on this machine has the same clock.
fn now() -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09}", now.as_secs(), now.subsec_nanos()))
}

fn event(message: Message) -> EngineEvent {
    EngineEvent {
        kind: match message.kind.as_str() {
            "container" => EventKind::Container,
            "image" => EventKind::Image,
            "network" => EventKind::Network,
            "volume" => EventKind::Volume,
            _ => EventKind::Other(message.kind),
        },
        action: message.action,
        actor: message.actor.id,
        attributes: sorted(message.actor.attributes),
        time_nanos: message.time_nanos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_unknown_kinds_are_read_too() {
        let read = |text| event(serde_json::from_str(text).unwrap());
        let died = read(
            r#"{"status":"die","id":"abc","from":"i","Type":"container","Action":"die",
                "Actor":{"ID":"abc","Attributes":{"exitCode":"3","name":"web"}},
                "scope":"local","time":1,"timeNano":1000000001}"#,
        );
        assert_eq!(died.kind, EventKind::Container);
        assert_eq!(died.attributes["exitCode"], "3");
        assert_eq!(died.time_nanos, 1_000_000_001);
        let pod = read(r#"{"Type":"pod","Action":"create","Actor":{"ID":"p","Attributes":null}}"#);
        assert_eq!(pod.kind, EventKind::Other("pod".into()));
    }
}
