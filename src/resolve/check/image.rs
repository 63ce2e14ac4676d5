use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A service needs an image, a build, or a provider that stands for both.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let has_image = ["build", "image", "provider"]
            .iter()
            .any(|key| service.get(key).is_some());
        if !has_image {
            found.push(
                Diagnostic::error(
                    "image-missing",
                    format!(
                        "service `{}` has neither an image nor a build context",
                        service.name
                    ),
                )
                .at(service.span, "")
                .help("add `image: NAME` or `build: DIRECTORY`"),
            );
        }
    }
}
