use std::path::Path;
use std::process::Command;

/// The workflows in this repository are what `wharf ci` writes for it today.
#[test]
fn committed_workflows_are_what_the_project_says() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workflows: [&[&str]; 3] = [
        &["ci", "github"],
        &["ci", "gitlab"],
        &["--stack", "deployer", "ci", "github", "--publish"],
    ];
    for workflow in workflows {
        let run = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args(workflow)
            .arg("--check")
            .current_dir(home)
            .output()
            .expect("wharf starts");
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}
