use super::is_image_only;
use crate::model::Project;
use crate::observe::{ObservedContainer, Snapshot};

/// Containers of the project that no service of it has, active or not. Running containers of `run` are nobody's orphans.
pub(super) fn orphans<'a>(project: &Project, snapshot: &'a Snapshot) -> Vec<&'a ObservedContainer> {
    snapshot
        .containers
        .iter()
        .filter(|container| {
            let service = project
                .services
                .get(&container.service)
                .or_else(|| project.inactive.get(&container.service));
            match service {
                Some(service) => is_image_only(service) && !container.one_off,
                None => !(container.one_off && container.is_running()),
            }
        })
        .collect()
}

/// One sentence on orphans that are left alone.
pub(super) fn note(orphans: &[&ObservedContainer]) -> String {
    let names: Vec<String> = orphans
        .iter()
        .map(|container| format!("`{}`", container.name))
        .collect();
    format!(
        "{} {} to no service of this project; `--remove-orphans` removes {}",
        names.join(", "),
        if names.len() == 1 {
            "belongs"
        } else {
            "belong"
        },
        if names.len() == 1 { "it" } else { "them" },
    )
}
