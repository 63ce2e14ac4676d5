//! `wharf build --print` against what `docker buildx bake --print` says about the same files: recordings lie beside the
//! files (`tests/bake/record` makes them). `WHARF_BAKE_CASES` names one more directory with recorded cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

/// Where `tags` of a build stand beside an `image`, bake forgets the image's name, so that the service would not find
/// its image; wharf keeps it, as `docker compose build` does.
const KEEP_THE_IMAGE: [&str; 2] = ["caches", "x-bake"];

/// Where Dockerfiles are made from other services' images, wharf finds the edges that bake does not know.
const MORE_EDGES: [&str; 1] = ["edges"];

/// A target by what it is, whatever it is called: targets that it is made from are written out in it, names are apart.
type Distinct = BTreeMap<String, Vec<String>>;

fn distinct(printed: &Value) -> Distinct {
    let targets = printed["target"].as_object().expect("targets");
    let mut found = Distinct::new();
    for name in targets.keys() {
        let tags = found.entry(described(targets, name)).or_default();
        let own = targets[name]["tags"].as_array().cloned();
        tags.extend(
            own.into_iter()
                .flatten()
                .filter_map(|tag| Some(tag.as_str()?.to_owned())),
        );
        tags.sort();
        tags.dedup();
    }
    found
}

fn described(targets: &Map<String, Value>, name: &str) -> String {
    let mut target = targets[name].as_object().expect("a target").clone();
    target.remove("tags");
    if let Some(contexts) = target.get_mut("contexts").and_then(Value::as_object_mut) {
        for source in contexts.values_mut() {
            let parent = source
                .as_str()
                .and_then(|text| text.strip_prefix("target:"));
            if let Some(parent) = parent.map(str::to_owned) {
                *source = Value::String(described(targets, &parent));
            }
        }
    }
    let sorted: BTreeMap<_, _> = target.iter().collect();
    serde_json::to_string(&sorted).expect("JSON")
}

fn printed(case: &Path, file: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .current_dir(case)
        .args(["-f", file, "build", "--print"])
        .env_clear()
        .env("FROM_SHELL", "shell")
        .env("B", "b-from-shell")
        .env("TOKEN", "hidden")
        .env("UID", "1000")
        .env("GID", "1000")
        .output()
        .expect("wharf starts");
    assert!(
        output.status.success(),
        "{}: {}",
        case.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains("hidden"), "a secret is printed: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Directory, Compose file and recording of every case.
fn cases() -> Vec<(PathBuf, String, Value)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bake");
    let more = std::env::var_os("WHARF_BAKE_CASES").map(PathBuf::from);
    let mut cases = Vec::new();
    for root in [Some(own), more].into_iter().flatten() {
        for directory in std::fs::read_dir(&root).expect("the cases").flatten() {
            let Ok(files) = std::fs::read_dir(directory.path()) else {
                continue;
            };
            for file in files.flatten() {
                let name = file.file_name().into_string().expect("UTF-8");
                let compose = name
                    .strip_prefix("bake.")
                    .and_then(|name| name.strip_suffix(".json"));
                if let Some(compose) = compose {
                    let text = std::fs::read_to_string(file.path()).expect("the recording");
                    let recorded = serde_json::from_str(&text).expect("JSON");
                    cases.push((directory.path(), compose.to_owned(), recorded));
                }
            }
        }
    }
    cases
}

#[test]
fn what_is_printed_for_bake_is_what_bake_itself_prints_once_for_each_image() {
    let cases = cases();
    assert!(cases.len() >= 14, "only {} cases", cases.len());
    for (directory, file, recorded) in cases {
        let name = directory.file_name().unwrap().to_str().unwrap();
        if MORE_EDGES.contains(&name) {
            continue;
        }
        let ours = printed(&directory, &file);
        let count = ours["target"].as_object().expect("targets").len();
        let (mut ours, theirs) = (distinct(&ours), distinct(&recorded));
        assert_eq!(
            count,
            ours.len(),
            "{name}/{file}: an image stands there twice"
        );
        if KEEP_THE_IMAGE.contains(&name) {
            for (target, tags) in &mut ours {
                let known = theirs.get(target).cloned().unwrap_or_default();
                assert!(known.iter().all(|tag| tags.contains(tag)), "{tags:?}");
                *tags = known;
            }
        }
        assert_eq!(ours, theirs, "{name}/{file}");
    }
}

#[test]
fn edges_that_only_dockerfiles_know_are_printed_as_contexts() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bake/edges");
    let printed = printed(&case, "docker-compose.yml");
    assert_eq!(
        printed["target"]["app"]["contexts"],
        serde_json::json!({"edges-tool": "target:tool", "example/base": "target:base"})
    );
}
