use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{Format, View};
use crate::resolve::Resolved;
use crate::source::{Change, Kind, Mapping, Node, Span, to_yaml};

/// The image of a service: the one it names, else the one that its build is tagged with.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md#using-build-and-image>
pub fn image_of(project: &str, name: &str, service: &Node) -> String {
    match service.get("image").and_then(Node::as_str) {
        Some(image) => image.to_owned(),
        None => format!("{project}-{name}"),
    }
}

/// `--images`: the images of the active services, sorted, one a line.
pub fn images(resolved: &Resolved) -> String {
    let services = resolved.document.get("services").and_then(Node::as_mapping);
    let mut images: Vec<String> = services
        .into_iter()
        .flatten()
        .map(|(name, service)| image_of(&resolved.name.text, &name.text, service) + "\n")
        .collect();
    images.sort();
    images.concat()
}

/// The images that the active services name, each once.
pub fn named_images(resolved: &Resolved) -> BTreeSet<String> {
    let services = resolved.document.get("services").and_then(Node::as_mapping);
    services
        .into_iter()
        .flat_map(Mapping::values)
        .filter_map(|service| Some(service.get("image")?.as_str()?.to_owned()))
        .collect()
}

/// `--lock-image-digests`: a layer that names the image of every service, after [`pin`].
pub fn lock(resolved: &Resolved, format: Format) -> String {
    let services = resolved.document.get("services").and_then(Node::as_mapping);
    let mut pinned = Mapping::new();
    for (name, service) in services.into_iter().flatten() {
        let mut members = Mapping::new();
        if let Some(image) = service.get("image") {
            members.insert("image".into(), image.clone());
        }
        pinned.insert(name.clone(), Node::mapping(members, Span::NONE));
    }
    let mut root = Mapping::new();
    if format == Format::Json {
        // Compose's JSON has the key even where there is no name.
        root.insert("name".into(), Node::string("", Span::NONE));
    }
    root.insert("services".into(), Node::mapping(pinned, Span::NONE));
    let root = Node::mapping(root, Span::NONE);
    let view = View::new(&root, format);
    match format {
        Format::Yaml => to_yaml(&view),
        Format::Json => serde_json::to_string_pretty(&view).unwrap_or_default() + "\n",
    }
}

/// `--resolve-image-digests`: replaces images by the references that an engine or registry found for them. An image that is
/// not in `digests` stays.
pub fn pin(resolved: &mut Resolved, digests: &IndexMap<String, String>) {
    let services = resolved
        .document
        .get_mut("services")
        .and_then(Node::as_mapping_mut);
    for service in services.into_iter().flat_map(Mapping::values_mut) {
        if let Some(image) = service.get_mut("image")
            && let Some(pinned) = image.as_str().and_then(|image| digests.get(image))
        {
            image.kind = Kind::String(pinned.as_str().into());
            image.record(Change::Defaulted {
                rule: "the image's digest",
            });
        }
    }
}
