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
fn without_interpolation_names_are_listed_as_with_it() {
    let text = "services:\n  a: {image: 'x:${TAG:-1}', networks: [one], volumes: ['data:/d:${MODE:-ro}']}\n  b: {image: y, profiles: [p], networks: [two]}\nnetworks: {one: , two: , three: }\nvolumes: {data: , other: }\n";
    for (list, expected) in [
        (&["--networks"][..], "one\n"),
        (&["--networks", "--no-normalize"], "one\n"),
        (&["--volumes"], "data\n"),
        (&["--images"], "x:${TAG:-1}\n"),
        (&["--images", "b"], "y\n"),
        // As with Compose, these two are of the whole document.
        (&["--services"], "a\nb\n"),
        (&["--profiles"], "p\n"),
    ] {
        let args = ["-f", "compose.yml", "config", "--no-interpolate"];
        let stage = wharf().file("compose.yml", text);
        let args = args.into_iter().chain(list.iter().copied());
        assert_eq!(stage.args(args).run().succeeds(), expected, "{list:?}");
    }
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

#[test]
fn models_are_printed_in_yaml_and_are_read_again() {
    let text = "name: p\nservices: {a: {image: x, models: [m]}}\nmodels: {m: {model: c, context_size: 5}, u: {model: unused}}\n";
    let project = |text: &str| wharf().file("compose.yml", text);
    let args = ["-f", "compose.yml", "config"];
    let printed = project(text).args(args).run().succeeds();
    assert!(
        printed.ends_with("models:\n  m:\n    model: c\n    context_size: 5\n"),
        "{printed}"
    );
    assert_eq!(project(&printed).args(args).run().succeeds(), printed);
    let models = args.into_iter().chain(["--models"]);
    assert_eq!(project(text).args(models).run().succeeds(), "c\n");
    let json = args.into_iter().chain(["--format", "json"]);
    assert!(
        !project(text)
            .args(json)
            .run()
            .succeeds()
            .contains("context_size")
    );
}

#[test]
fn without_defaults_the_project_still_has_its_name() {
    for (text, before, name) in [
        ("services: {a: {image: x}}\n", &["-p", "named"][..], "named"),
        ("name: n\nservices: {a: {image: x}}\n", &[], "\"n\""),
        (
            "name: n\nservices: {a: {image: x}}\n",
            &["-p", "other"],
            "other",
        ),
    ] {
        let args = [before, &["-f", "compose.yml", "config", "--no-normalize"]].concat();
        let printed = wharf()
            .file("compose.yml", text)
            .args(args)
            .run()
            .succeeds();
        assert_eq!(
            printed,
            format!("name: {name}\nservices:\n  a:\n    image: x\n")
        );
    }
}

#[test]
fn lists_of_names_read_no_env_files() {
    let text = "services: {a: {image: x, profiles: [], env_file: absent.env, volumes: ['data:/d']}}\nvolumes: {data: }\n";
    for (list, expected) in [
        ("--services", "a\n"),
        ("--images", "x\n"),
        ("--volumes", "data\n"),
        ("--networks", "default\n"),
        ("--models", ""),
        ("--profiles", ""),
    ] {
        let args = ["-f", "compose.yml", "config", list];
        let stage = wharf().file("compose.yml", text);
        assert_eq!(stage.args(args).run().succeeds(), expected, "{list}");
    }
    let two = ["-f", "compose.yml", "config", "--images", "--volumes"];
    let stage = wharf().file("compose.yml", text);
    assert_eq!(stage.args(two).run().succeeds(), "data\n");
}

#[test]
fn large_whole_numbers_keep_their_digits() {
    let text = "services: {a: {image: x, environment: {ID: 12345678901234567890}}}\n";
    let args = ["-f", "compose.yml", "config"];
    let printed = wharf()
        .file("compose.yml", text)
        .args(args)
        .run()
        .succeeds();
    assert!(
        printed.contains("ID: \"12345678901234567890\"\n"),
        "{printed}"
    );
}

#[test]
fn paths_of_files_elsewhere_stay_relative_where_paths_are_kept() {
    let args = ["-f", "compose.yml", "config", "--no-path-resolution"];
    let printed = wharf()
        .file(
            "compose.yml",
            "include: [inc/c.yml]\nservices: {a: {extends: {file: sub/b.yml, service: y}}}\n",
        )
        .file(
            "sub/b.yml",
            "services: {y: {build: ., volumes: ['./v:/v', '../w:/w']}}\n",
        )
        .file("inc/c.yml", "services: {i: {build: ../ctx}}\n")
        .args(args)
        .run()
        .succeeds();
    for line in [
        "context: sub\n",
        "source: sub/v\n",
        "source: w\n",
        "context: ctx\n",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
}

#[test]
fn who_names_a_file_is_told() {
    let args = ["config"];
    let of_shell = wharf()
        .env("COMPOSE_FILE", "nope.yml")
        .args(args)
        .run()
        .fails(3);
    assert!(
        of_shell.contains("`COMPOSE_FILE` of the shell names it"),
        "{of_shell}"
    );
    let of_file = wharf()
        .file(".env", "COMPOSE_FILE=nope.yml\n")
        .args(args)
        .run()
        .fails(3);
    assert!(of_file.contains("--> .env:1:1"), "{of_file}");
    let name = wharf()
        .file(".env", "COMPOSE_PROJECT_NAME=Bad Name\n")
        .file("compose.yml", "services: {a: {image: x}}\n")
        .args(["-f", "compose.yml", "config"])
        .run()
        .fails(3);
    assert!(name.contains("--> .env:1:1"), "{name}");
}

#[test]
fn what_is_wrong_behind_an_anchor_is_told_once() {
    let talk = wharf()
        .file(
            "compose.yml",
            "x-a: &a {P: \"${Q:?need}\"}\nservices:\n  a: {image: x, environment: *a}\n  b: {image: x, environment: *a}\n",
        )
        .args(["-f", "compose.yml", "config"])
        .run()
        .fails(3);
    assert_eq!(
        talk.matches("error[variable-required]").count(),
        1,
        "{talk}"
    );
    assert!(talk.contains("stands for 3 values"), "{talk}");
}

#[test]
fn a_network_is_not_shared_with_a_service_that_no_profile_brings_in() {
    let service = |required: bool| {
        format!(
            "services:\n  a: {{image: x, profiles: [p]}}\n  c: {{image: z, network_mode: 'service:a', depends_on: {{a: {{condition: service_started, required: {required}}}}}}}\n"
        )
    };
    for required in [true, false] {
        let talk = wharf()
            .file("compose.yml", &service(required))
            .args(["-f", "compose.yml", "config"])
            .run()
            .fails(3);
        assert_eq!(talk.matches("error[").count(), 1, "{talk}");
        assert!(talk.contains("error[inactive-dependency]"), "{talk}");
    }
}
