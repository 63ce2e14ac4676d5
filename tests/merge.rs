//! Each directory below `tests/merge` is a project in layers. `expected.yml` in it is what `docker compose config` 2.40.3
//! prints for those layers, with `@DIR@` for the directory.

use std::path::{Path, PathBuf};

use wharf::config::{Format, View};
use wharf::diagnostic::Severity;
use wharf::load::{self, Environment, Host, LoadRequest};
use wharf::resolve::{self, Options};
use wharf::source::to_yaml;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/merge");
    let mut directories: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the fixtures")
        .map(|entry| entry.expect("a fixture").path())
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    directories
}

fn printed(directory: &Path) -> Result<serde_json::Value, String> {
    let environment = Environment {
        working_directory: directory.to_path_buf(),
        uid: 1000,
        gid: 1000,
        ..Environment::default()
    };
    let loaded = load::load(&LoadRequest::default(), &Host, &environment);
    let resolved = resolve::resolve(loaded, &Host, &environment, &Options::default());
    let findings: Vec<&str> = resolved
        .diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message.as_str())
        .collect();
    if !findings.is_empty() {
        return Err(findings.join("\n"));
    }
    let written = to_yaml(&View::new(&resolved.document, Format::Yaml));
    serde_yaml::from_str(&written).map_err(|error| error.to_string())
}

#[test]
fn layers_merge_as_docker_compose_merges_them() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 8, "{fixtures:?}");
    let mut differences = Vec::new();
    for directory in fixtures {
        let text = std::fs::read_to_string(directory.join("expected.yml")).expect("expected.yml");
        let text = text.replace("@DIR@", &directory.display().to_string());
        let expected: serde_json::Value = serde_yaml::from_str(&text).expect("YAML");
        match printed(&directory) {
            Ok(printed) if printed == expected => {}
            Ok(printed) => differences.push(format!(
                "{}: expected\n{expected:#}\nbut it is\n{printed:#}",
                directory.display()
            )),
            Err(findings) => differences.push(format!("{}: {findings}", directory.display())),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}
