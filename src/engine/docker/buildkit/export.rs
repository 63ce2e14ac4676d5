use std::collections::HashMap;

use super::frontend::Frontend;
use super::receive::Receive;
use crate::build::{BuildRequest, ImageName};

/// What becomes of a build's result.
/// <https://docs.docker.com/build/exporters/>
#[derive(Clone, Debug)]
pub enum Export {
    /// An image in the store of the engine that has the builder inside.
    Store,
    /// An archive, sent over the session.
    Archive(Format, Receive),
    /// It stays in the builder's cache.
    Cache,
    /// The builder pushes it under the names that the project's files write.
    Push,
}

/// How an image is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As every engine loads it: one platform, no attestations.
    Docker,
    /// With everything; an engine with containerd's store loads it.
    /// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
    Oci,
}

impl Export {
    pub(super) fn receive(&self) -> Option<&Receive> {
        match self {
            Export::Archive(_, receive) => Some(receive),
            Export::Store | Export::Cache | Export::Push => None,
        }
    }

    /// The exporter's name, and what it is told.
    pub(super) fn exporter(
        &self,
        request: &BuildRequest,
        frontend: Frontend,
    ) -> (&'static str, HashMap<String, String>) {
        let kind = match self {
            Export::Store => return in_store(request, frontend),
            Export::Archive(Format::Docker, _) => "docker",
            Export::Archive(Format::Oci, _) => "oci",
            Export::Cache | Export::Push => "image",
        };
        let is_pushed = matches!(self, Export::Push);
        let names = match is_pushed {
            true => &request.declared,
            false => &request.names,
        };
        let mut attributes = HashMap::from([("name".to_owned(), whole(names))]);
        let flags = [
            ("push", is_pushed),
            ("rewrite-timestamp", request.source_date_epoch.is_some()),
        ];
        for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
            attributes.insert(name.to_owned(), "true".to_owned());
        }
        (kind, attributes)
    }
}

/// Times can only be rewritten in layers that are stored and not unpacked at once.
/// <https://github.com/moby/buildkit/blob/master/docs/build-repro.md>
fn in_store(request: &BuildRequest, frontend: Frontend) -> (&'static str, HashMap<String, String>) {
    if request.source_date_epoch.is_none() || !frontend.has_indexes {
        let names = request.names.join(",");
        return ("moby", HashMap::from([("name".to_owned(), names)]));
    }
    let attributes = [
        // This exporter stores names as they are given, and the engine looks for whole ones.
        ("name", whole(&request.names)),
        ("store", "true".to_owned()),
        ("unpack", "false".to_owned()),
        ("rewrite-timestamp", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    ("image", attributes.into())
}

fn whole(names: &[String]) -> String {
    let names = names.iter();
    let whole: Vec<String> = names
        .map(|name| ImageName::normal(name).to_string())
        .collect();
    whole.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> BuildRequest {
        BuildRequest {
            names: vec!["app".to_owned(), "registry.example/app:1".to_owned()],
            declared: vec!["registry.example/app:1".to_owned()],
            ..BuildRequest::default()
        }
    }

    #[test]
    fn images_with_a_date_get_names_that_the_engine_finds() {
        let mut request = request();
        let frontend = Frontend::APART;
        let (kind, attributes) = Export::Store.exporter(&request, frontend);
        assert_eq!(
            (kind, attributes["name"].as_str()),
            ("moby", "app,registry.example/app:1")
        );
        request.source_date_epoch = Some(7);
        let (kind, attributes) = Export::Store.exporter(&request, frontend);
        let whole = "docker.io/library/app:latest,registry.example/app:1";
        assert_eq!((kind, attributes["name"].as_str()), ("image", whole));
    }

    #[test]
    fn only_what_the_files_name_is_pushed() {
        let mut request = request();
        let told = |export: Export, request: &BuildRequest| {
            let (kind, attributes) = export.exporter(request, Frontend::APART);
            let mut told: Vec<String> = attributes
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            told.sort();
            (kind, told.join(" "))
        };
        let (kind, attributes) = told(Export::Push, &request);
        assert_eq!(kind, "image");
        assert_eq!(attributes, "name=registry.example/app:1 push=true");
        let (kind, attributes) = told(Export::Cache, &request);
        assert_eq!(kind, "image");
        assert!(!attributes.contains("push"), "{attributes}");
        request.source_date_epoch = Some(7);
        let receive = Receive::into_layout(super::super::content::Layout::new("/l"));
        let (kind, attributes) = told(Export::Archive(Format::Oci, receive), &request);
        assert_eq!(kind, "oci");
        assert!(
            attributes.ends_with("rewrite-timestamp=true"),
            "{attributes}"
        );
    }
}
