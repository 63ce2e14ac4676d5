//! `wharf config` as scripts call it. The expected texts are those of docker compose 2.40.3.

use crate::stage::{Stage, wharf};

fn variables() -> Stage {
    wharf().file(
        "compose.yml",
        "services:\n  a: {image: 'x:${TAG:-1.0}', hostname: '${NO?needed}', user: '${Y:+alt}', command: $E}\n",
    )
}

#[test]
fn variables_come_as_a_table_or_for_machines() {
    let args = ["-f", "compose.yml", "config", "--variables"];
    let table = variables().args(args).run().succeeds();
    assert!(table.starts_with("NAME "), "{table}");
    let yaml = args.into_iter().chain(["--format", "yaml"]);
    let yaml = variables().args(yaml).run().succeeds();
    let entry = |name: &str, default: &str, presence: &str, required: bool| {
        format!(
            "{name}:\n    name: {name}\n    defaultvalue: {default}\n    presencevalue: {presence}\n    required: {required}\n"
        )
    };
    let expected = [
        entry("E", "\"\"", "\"\"", false),
        entry("\"NO\"", "\"\"", "\"\"", true),
        entry("TAG", "\"1.0\"", "\"\"", false),
        entry("\"Y\"", "\"\"", "alt", false),
    ];
    assert_eq!(yaml, expected.concat());
    let json = args.into_iter().chain(["--format", "json"]);
    let json = variables().args(json).run().succeeds();
    let tag = "    \"TAG\": {\n        \"Name\": \"TAG\",\n        \"DefaultValue\": \"1.0\",\n        \"PresenceValue\": \"\",\n        \"Required\": false\n    },\n";
    assert!(json.contains(tag), "{json}");
}

#[test]
fn lists_are_of_the_whole_project_whichever_service_is_named() {
    let project = || {
        wharf().file(
            "compose.yml",
            "services:\n  a: {image: x, networks: [one]}\n  b: {image: y, volumes: ['data:/d']}\nnetworks: {one: }\nvolumes: {data: }\n",
        )
    };
    for (list, expected) in [
        ("--services", "a\nb\n"),
        ("--volumes", "data\n"),
        ("--networks", "default\none\n"),
        ("--images", "x\n"),
    ] {
        let args = ["-f", "compose.yml", "config", list, "a"];
        assert_eq!(project().args(args).run().succeeds(), expected, "{list}");
    }
    let args = ["-f", "compose.yml", "config", "--hash", "b", "a"];
    assert!(project().args(args).run().succeeds().starts_with("b "));
}

#[test]
fn references_with_a_digest_need_no_engine_to_be_locked() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let project = || {
        let text = format!(
            "services:\n  z: {{image: 'alpine:3@{digest}', environment: {{A: b}}}}\n  b: {{build: .}}\n"
        );
        wharf().file("compose.yml", &text)
    };
    let args = ["-f", "compose.yml", "config", "--lock-image-digests"];
    let yaml = project().args(args).run().succeeds();
    let pinned = format!("docker.io/library/alpine@{digest}");
    assert_eq!(
        yaml,
        format!("services:\n  b: {{}}\n  z:\n    image: {pinned}\n")
    );
    let json = args.into_iter().chain(["--format", "json"]);
    let json = project().args(json).run().succeeds();
    let expected = format!(
        r#"{{
  "name": "",
  "services": {{
    "b": {{
      "command": null,
      "entrypoint": null
    }},
    "z": {{
      "command": null,
      "entrypoint": null,
      "image": "{pinned}"
    }}
  }}
}}
"#
    );
    assert_eq!(json, expected);
    let talk = project()
        .file("compose.yml", "services: {a: {image: alpine}}")
        .args(args)
        .run()
        .fails(7);
    assert!(talk.contains("docker.sock"), "{talk}");
}

#[test]
fn findings_for_machines_are_where_the_message_says() {
    let broken = || wharf().file("compose.yml", "services: {a: {imag: x}}\n");
    let args = ["-f", "compose.yml", "config", "--format", "json"];
    let outcome = broken().args(args).run();
    assert_eq!(outcome.stdout, "");
    let talk = outcome.fails(3);
    assert!(talk.contains("`wharf lint --format json`"), "{talk}");
    for (format, needle) in [
        ("json", "\"code\""),
        ("sarif", "\"ruleId\""),
        ("github", "::error file=compose.yml"),
    ] {
        let args = ["-f", "compose.yml", "lint", "--format", format];
        let outcome = broken().args(args).run();
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert!(outcome.stdout.contains(needle), "{}", outcome.stdout);
    }
    let args = ["-f", "compose.yml", "config", "--format", "sarif"];
    let talk = broken().args(args).run().fails(2);
    assert!(talk.contains("`wharf lint --format sarif`"), "{talk}");
}
