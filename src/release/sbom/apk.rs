use super::os::System;
use super::{Package, Source, encoded};
use crate::image::Tree;

const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

pub(super) fn keeps(path: &str) -> bool {
    INSTALLED.contains(&path)
}

/// <https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2>
pub(super) fn packages(tree: &Tree<'_>, system: &System) -> Vec<Package> {
    let mut packages = Vec::new();
    for path in INSTALLED {
        let text = String::from_utf8_lossy(tree.content(path).unwrap_or_default());
        packages.extend(
            text.split("\n\n")
                .filter_map(|entry| package(entry, system)),
        );
    }
    packages
}

fn package(entry: &str, system: &System) -> Option<Package> {
    let field = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name));
    let (name, version) = (field("P:")?, field("V:")?);
    let arch = field("A:").unwrap_or("noarch");
    let source = field("o:").filter(|origin| *origin != name);
    let source = source.map(|origin| Source {
        name: origin.to_owned(),
        version: version.to_owned(),
        parts: vec![("SrcVersion", version.to_owned())],
    });
    let upstream = source.as_ref().map(|source| source.qualifier(version));
    Some(Package {
        purl: format!(
            "pkg:apk/alpine/{}@{}?arch={arch}{}{}",
            encoded(name),
            encoded(version),
            system.qualifier(),
            upstream.unwrap_or_default()
        ),
        name: name.to_owned(),
        version: version.to_owned(),
        license: field("L:").map(str::to_owned),
        source,
    })
}
