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
