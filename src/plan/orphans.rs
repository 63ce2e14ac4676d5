use crate::engine::ContainerStatus;
use crate::model::{Project, is_image_only};
use crate::observe::{ObservedContainer, Snapshot};

/// Containers of the project that no service of it has, active or not. Running containers of `run` are nobody's orphans.
pub fn orphans<'a>(project: &Project, snapshot: &'a Snapshot) -> Vec<&'a ObservedContainer> {
    snapshot
        .containers
        .iter()
        .filter(|container| {
            let service = project
                .services
                .get(&container.service)
                .or_else(|| project.inactive.get(&container.service));
            match service {
                // What `run` has left behind goes with the orphans.
                Some(_) if container.one_off => has_ended(container),
                Some(service) => is_image_only(service),
                None => !(container.one_off && container.is_running()),
            }
        })
        .collect()
}

fn has_ended(container: &ObservedContainer) -> bool {
    matches!(
        container.status,
        ContainerStatus::Exited | ContainerStatus::Dead
    )
}

/// One sentence on orphans that are left alone; `None`: they are only what `run` has left behind.
pub(super) fn note(orphans: &[&ObservedContainer]) -> Option<String> {
    let names: Vec<String> = orphans
        .iter()
        .filter(|container| !container.one_off)
        .map(|container| format!("`{}`", container.name))
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "{} {} to no service of this project; `--remove-orphans` removes {}",
        names.join(", "),
        if names.len() == 1 {
            "belongs"
        } else {
            "belong"
        },
        if names.len() == 1 { "it" } else { "them" },
    ))
}
