use super::os::System;
use super::{Package, Source, encoded};
use crate::image::Tree;

const STATUS: &str = "var/lib/dpkg/status";
/// Images without a package manager have one file a package here.
const PARTS: &str = "var/lib/dpkg/status.d/";

pub(super) fn keeps(path: &str) -> bool {
    path == STATUS || path.starts_with(PARTS) && !path.ends_with(".md5sums")
}

/// <https://manpages.debian.org/bookworm/dpkg/dpkg-query.1.en.html>
pub(super) fn packages(tree: &Tree<'_>, system: &System) -> Vec<Package> {
    let files = tree.files.keys().filter(|path| keeps(path));
    let mut packages = Vec::new();
    for path in files {
        let text = String::from_utf8_lossy(tree.content(path).unwrap_or_default());
        packages.extend(
            text.split("\n\n")
                .filter_map(|entry| package(entry, system)),
        );
    }
    packages
}

fn package(entry: &str, system: &System) -> Option<Package> {
    let field = |name: &str| {
        entry
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    // A package that has left its configuration behind is not installed.
    if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
        return None;
    }
    let (name, version) = (field("Package")?, field("Version")?);
    let arch = field("Architecture").unwrap_or("all");
    let vendor = match system.name.as_str() {
        "" => "debian",
        name => name,
    };
    let source = field("Source").map(|text| source(text, version));
    let source = source.filter(|source| source.name != name || source.version != version);
    let upstream = source.as_ref().map(|source| source.qualifier(version));
    Some(Package {
        purl: format!(
            "pkg:deb/{vendor}/{}@{}?arch={arch}{}{}",
            encoded(name),
            encoded(version),
            system.qualifier(),
            upstream.unwrap_or_default()
        ),
        name: name.to_owned(),
        version: version.to_owned(),
        license: None,
        source,
    })
}

/// Of `NAME` or `NAME (VERSION)`; without a version it is that of the package.
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#source>
fn source(text: &str, version: &str) -> Source {
    let (name, own) = match text.split_once(" (") {
        Some((name, rest)) => (name, rest.trim_end_matches(')')),
        None => (text, version),
    };
    let (epoch, rest) = match own.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, own),
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((upstream, revision)) => (upstream, Some(revision)),
        None => (rest, None),
    };
    let parts = [
        ("SrcVersion", Some(upstream)),
        ("SrcRelease", revision),
        ("SrcEpoch", epoch),
    ];
    Source {
        name: name.to_owned(),
        version: own.to_owned(),
        parts: parts
            .into_iter()
            .filter_map(|(what, value)| Some((what, value?.to_owned())))
            .collect(),
    }
}
