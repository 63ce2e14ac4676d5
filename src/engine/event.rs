use indexmap::IndexMap;

/// Something that happened on the engine.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System/operation/SystemEvents>
#[derive(Clone, Debug, PartialEq)]
pub struct EngineEvent {
    pub kind: EventKind,
    /// `start`, `die`, `health_status: healthy`, ..
    pub action: String,
    /// The object's id (a volume's name).
    pub actor: String,
    /// Labels of the object and details such as `exitCode`, `name`, `image`.
    pub attributes: IndexMap<String, String>,
    /// Nanoseconds since the Unix epoch.
    pub time_nanos: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    Container,
    Image,
    Network,
    Volume,
    Other(String),
}
