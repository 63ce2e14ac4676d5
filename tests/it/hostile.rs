//! Input that means harm, or might as well: always an answer that names the trouble, from little memory, and never a panic.
//! How much is done before the answer is held where it is decided: in `load`, `source` and `interpolate`.

use crate::stage::{Stage, wharf};

/// What a call may take of memory, in MiB.
const MEMORY: u64 = 512;

/// The call must refuse the project with a finding of this code.
#[track_caller]
fn refused(stage: Stage, code: &str) -> String {
    let said = stage
        .within(MEMORY)
        .args(["-f", "compose.yml", "config"])
        .run()
        .fails(3);
    assert!(said.contains(&format!("error[{code}]")), "{said}");
    assert!(said.len() < 100_000, "{} bytes of findings", said.len());
    said
}

#[track_caller]
fn refused_text(text: &str, code: &str) -> String {
    refused(wharf().file("compose.yml", text), code)
}

#[test]
fn bytes_that_are_no_text() {
    let stage = wharf().bytes("compose.yml", b"services:\n  a:\n    image: \"x\xff\"\n");
    let said = refused(stage, "file-encoding");
    assert!(said.contains("line 3 holds the byte 0xFF"), "{said}");
    let said = refused_text("services: {a: {image: \"x\0y\"}}\n", "control-character");
    assert!(said.contains("U+0000"), "{said}");
}

#[test]
fn nesting_ten_thousand_deep() {
    let levels = 10_000;
    let flow = format!("x-deep: {}{}\n", "[".repeat(levels), "]".repeat(levels));
    refused_text(&flow, "nesting-too-deep");
    let dashes = format!("x-deep:\n  {}x\n", "- ".repeat(levels));
    refused_text(&dashes, "nesting-too-deep");
    let expressions = format!(
        "services: {{a: {{image: \"{}x{}\"}}}}\n",
        "${A:-".repeat(levels),
        "}".repeat(levels)
    );
    refused_text(&expressions, "interpolation-syntax");
}

#[test]
fn aliases_that_multiply() {
    let mut text = "x-0: &l0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*l{}", level - 1); 9].join(", ");
        text.push_str(&format!("x-{level}: &l{level} [{below}]\n"));
    }
    refused_text(&text, "alias-bomb");
}

#[test]
fn files_that_are_too_large() {
    let mut text = "services: {a: {image: x}}\n".to_owned();
    text.push_str(&"# nothing but a remark\n".repeat((100 << 20) / 23));
    let said = refused_text(&text, "file-unreadable");
    assert!(said.contains("larger than"), "{said}");
}

#[test]
fn one_key_very_often() {
    let text = format!("services:\n{}", "  a: {image: x}\n".repeat(100_000));
    refused_text(&text, "duplicate-key");
}

#[test]
fn files_that_bring_in_each_other() {
    let services = "services: {a: {image: x}}";
    let stage = wharf()
        .file(
            "compose.yml",
            &format!("include: [other.yml]\n{services}\n"),
        )
        .file("other.yml", "include: [compose.yml]\n");
    refused(stage, "include-cycle");
    let stage = wharf()
        .file(
            "compose.yml",
            "services: {a: {extends: {file: other.yml, service: b}}}\n",
        )
        .file(
            "other.yml",
            "services: {b: {extends: {file: compose.yml, service: a}}}\n",
        );
    refused(stage, "extends-cycle");
}

#[test]
fn files_that_bring_in_each_other_very_often() {
    let mut stage = wharf();
    for level in 0..20 {
        let next = level + 1;
        let name = if level == 0 {
            "compose.yml".to_owned()
        } else {
            format!("{level}.yml")
        };
        stage = stage.file(
            &name,
            &format!("include: [{next}.yml, {next}.yml, {next}.yml]\n"),
        );
    }
    let stage = stage.file("20.yml", "services: {a: {image: x}}\n");
    refused(stage, "project-too-large");
    let mut stage = wharf().file("compose.yml", "include: [1.yml]\n");
    for level in 1..200 {
        let next = level + 1;
        stage = stage.file(&format!("{level}.yml"), &format!("include: [{next}.yml]\n"));
    }
    refused(stage, "include-too-deep");
    let mut chain = "services:\n".to_owned();
    for at in 0..20_000 {
        chain.push_str(&format!("  s{at}: {{extends: s{}}}\n", at + 1));
    }
    refused_text(&chain, "extends-too-long");
}

#[test]
fn variables_of_env_files_that_multiply() {
    let mut lines = "A0=xxxxxxxxxx\n".to_owned();
    for at in 1..60 {
        let below = at - 1;
        lines.push_str(&format!("A{at}=${{A{below}}}${{A{below}}}\n"));
    }
    let stage = wharf()
        .file(
            "compose.yml",
            "services: {a: {image: x, env_file: many.env}}\n",
        )
        .file("many.env", &lines);
    refused(stage, "file-too-large");
    let stage = wharf()
        .file("compose.yml", "services: {a: {image: x}}\n")
        .file(".env", &lines);
    refused(stage, "file-too-large");
}

#[test]
fn files_that_are_no_files() {
    let include = "include: [strange]\nservices: {a: {image: x}}\n";
    let stage = wharf().file("compose.yml", include).fifo("strange");
    let said = refused(stage, "file-unreadable");
    assert!(said.contains("is not a regular file"), "{said}");
    let stage = wharf().file("compose.yml", include).below("strange");
    let said = stage
        .args(["-f", "../compose.yml", "config"])
        .run()
        .fails(3);
    assert!(said.contains("is a directory"), "{said}");
    let stage = wharf()
        .file(
            "compose.yml",
            "services: {a: {image: x, env_file: strange}}\n",
        )
        .fifo("strange");
    refused(stage, "env-file-unreadable");
}
