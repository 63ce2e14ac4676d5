use crate::engine::{EngineEvent, EventKind};
use crate::observe::labels;

/// The service of whose containers the event tells. `None`: it tells of something else, or of a container of `run` or of a hook.
pub(super) fn service_of(event: &EngineEvent) -> Option<String> {
    let one_off = event.attributes.get(labels::ONE_OFF);
    let is_its_own = one_off.is_none_or(|one| !one.eq_ignore_ascii_case("true"))
        && !event.attributes.contains_key(labels::HOOK);
    (event.kind == EventKind::Container && is_its_own)
        .then(|| event.attributes.get(labels::SERVICE).cloned())
        .flatten()
}
