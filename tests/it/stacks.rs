//! The stacks below `stacks/` are found by name, and everything that their layers say is understood.

use std::path::Path;
use std::process::{Command, Stdio};

fn wharf(stack: &str, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(["--stack", stack])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("APP_TOKEN", "only-for-tests")
        .env_remove("COMPOSE_FILE")
        .stdin(Stdio::null())
        .output()
        .expect("wharf starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn every_env_of_every_stack_loads() {
    for stack in ["components", "deployer", "layered", "phases"] {
        for env in ["dev", "test", "prod"] {
            let (success, project, talk) = wharf(stack, &["config", env]);
            assert!(success, "{stack} {env}: {talk}");
            assert!(
                project.starts_with(&format!("name: {stack}-{env}\n")),
                "{project}"
            );
        }
    }
}

#[test]
fn a_phase_brings_those_that_it_stands_on() {
    let (success, picture, talk) = wharf("phases", &["graph", "dev", "--format", "json"]);
    assert!(success, "{talk}");
    for image in [
        "controller",
        "provisioned",
        "configured",
        "released",
        "running",
    ] {
        assert!(picture.contains(image), "{image}: {picture}");
    }
}

#[test]
fn each_stack_is_in_the_table_and_has_its_page() {
    let stacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks");
    let table = std::fs::read_to_string(stacks.join("README.md")).expect("the table");
    for entry in std::fs::read_dir(&stacks).expect("stacks").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        if entry.path().is_dir() {
            assert!(
                table.contains(&format!("({name}/README.md)")),
                "{name} is not in the table"
            );
            assert!(
                entry.path().join("README.md").exists(),
                "{name} has no page"
            );
        }
    }
}

/// What in the files of a stack shows a feature: each row of the table begins with one of these.
const SHOWN_BY: [(&str, &str); 26] = [
    ("envs as layers", "docker-compose.prod.yml"),
    ("the base layer as a library", "extends: {file"),
    ("images that stand on each other", ":${TAG}"),
    ("image-only services", "image-only: true"),
    ("a stage that only lends files", "--mount=type=bind,from="),
    ("named contexts", "additional_contexts"),
    ("a Dockerfile's own ignore file", "Dockerfile.dockerignore"),
    (
        "a dependency layer",
        "COPY app/requirements.txt|COPY Cargo.toml Cargo.lock",
    ),
    ("the caller's `UID`", "UID: \"${UID:-|UID: ${UID:-"),
    ("build secrets", "--mount=type=secret"),
    ("health gates", "condition: service_healthy"),
    ("one-shots", "service_completed_successfully"),
    ("one network namespace", "network_mode: service:"),
    ("an engine in a container", "SYS_ADMIN"),
    ("read-only containers without a shell", "build-tools: [sh"),
    ("tests in an isolated copy", "x-wharf:\n  test:"),
    ("several suites", "    suites:\n"),
    ("reports as JUnit", "junit: /"),
    ("a test in a real browser", "chromium-driver"),
    ("`x-wharf.release`", "  release:\n"),
    ("a workflow that publishes", "branch, sha, latest]"),
    ("a component matrix", "profiles: [registry]"),
    ("`x-wharf.config`", "allow-secrets: true"),
    ("packages by version and hash", "--require-hashes"),
    ("the same sources and date", "SOURCE_DATE_EPOCH: "),
    ("`wharf ship`", "by `wharf ship`."),
];

/// Every file of a stack but its pages, and their names. The bundled one has its layers at the root.
fn files_of(stack: &str) -> String {
    fn collect(directory: &Path, found: &mut String) {
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() && name != ".wharf" && name != "target" {
                collect(&path, found);
            } else if path.is_file() && name != "README.md" {
                found.push_str(&format!("\n{name}\n"));
                found.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = String::new();
    collect(&home.join("stacks").join(stack), &mut found);
    if stack == "pycroft" {
        for env in ["base", "dev", "test", "prod"] {
            let name = format!("docker-compose.{env}.yml");
            found.push_str(&format!("\n{name}\n"));
            found.push_str(&std::fs::read_to_string(home.join(name)).expect("a layer"));
        }
    }
    found
}

#[test]
fn the_table_says_who_shows_what() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/README.md");
    let page = std::fs::read_to_string(page).expect("the table");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .map(|line| {
            line.trim_end_matches('|')
                .split('|')
                .map(str::trim)
                .collect()
        })
        .filter(|row: &Vec<&str>| row.len() == 6)
        .collect();
    let (stacks, rows) = rows.split_first().expect("a table");
    let stacks: Vec<(&str, String)> = stacks[1..]
        .iter()
        .map(|stack| (*stack, files_of(stack)))
        .collect();
    for row in rows {
        let shown = SHOWN_BY.iter().find(|(start, _)| row[0].starts_with(start));
        let (_, signs) = shown.unwrap_or_else(|| panic!("what shows `{}`?", row[0]));
        for ((stack, files), mark) in stacks.iter().zip(&row[1..]) {
            let shows = signs.split('|').any(|sign| files.contains(sign));
            assert_eq!(*mark == "x", shows, "{stack}: {}", row[0]);
        }
    }
}
