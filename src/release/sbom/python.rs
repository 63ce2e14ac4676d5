use super::{Package, encoded};
use crate::image::Tree;

pub(super) fn keeps(path: &str) -> bool {
    path.ends_with(".dist-info/METADATA") || path.ends_with(".egg-info/PKG-INFO")
}

/// <https://packaging.python.org/en/latest/specifications/core-metadata/>
pub(super) fn packages(tree: &Tree<'_>) -> Vec<Package> {
    let files = tree.files.keys().filter(|path| keeps(path));
    let texts = files.map(|path| String::from_utf8_lossy(tree.content(path).unwrap_or_default()));
    texts.filter_map(|text| package(&text)).collect()
}

fn package(text: &str) -> Option<Package> {
    let field = |name: &str| {
        text.lines()
            // The description follows an empty line and may look like anything.
            .take_while(|line| !line.trim().is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::trim)
    };
    let (name, version) = (field("Name")?, field("Version")?);
    let license = field("License-Expression").or_else(|| field("License"));
    Some(Package {
        purl: format!("pkg:pypi/{}@{}", encoded(&normal(name)), encoded(version)),
        name: name.to_owned(),
        version: version.to_owned(),
        license: license
            .filter(|text| !text.is_empty() && text.len() < 100 && *text != "UNKNOWN")
            .map(str::to_owned),
        source: None,
    })
}

/// <https://packaging.python.org/en/latest/specifications/name-normalization/>
fn normal(name: &str) -> String {
    let mut normal = String::new();
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}
