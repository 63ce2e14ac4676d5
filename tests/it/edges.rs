//! The imports between the folders of `src`, held against the list below: a new edge is a choice that is reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn folders_import_only_what_the_drawing_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for folder in std::fs::read_dir(&src).expect("src") {
        let path = folder.expect("an entry").path();
        if path.is_dir() {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a name")
                .to_owned();
            let mut found = BTreeSet::new();
            collect(&path, &mut found);
            found.remove(&name);
            edges.insert(name, found);
        }
    }
    let found: String = edges
        .iter()
        .map(|(folder, imports)| {
            let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
            format!("{folder}: {}\n", imports.join(" "))
        })
        .collect();
    let allowed = include_str!("edges.txt");
    assert_eq!(
        found.replace(": \n", ":\n"),
        allowed,
        "the imports between folders differ from tests/it/edges.txt"
    );
}

/// Names of the folders that a folder's files import, tests left out.
fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("a file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for rest in line.split("crate::").skip(1) {
                    let name: String = rest
                        .chars()
                        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                        .collect();
                    if !name.is_empty() {
                        found.insert(name);
                    }
                }
            }
        }
    }
}
