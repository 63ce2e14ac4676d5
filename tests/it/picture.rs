//! The picture in the README is drawn from the model, and follows it.

use std::path::Path;
use std::process::Command;

#[test]
fn the_picture_of_the_bundled_stack_is_up_to_date() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .current_dir(home)
        .args(["graph", "dev", "--format", "svg"])
        .env_clear()
        .env("UID", "1000")
        .env("GID", "1000")
        .output()
        .expect("wharf starts");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    let committed = std::fs::read(home.join("docs/pycroft.svg")).expect("the picture");
    assert!(
        committed == output.stdout,
        "draw it again: wharf graph dev --format svg > docs/pycroft.svg"
    );
}
