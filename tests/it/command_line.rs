use crate::stage::wharf;

const APP: &str = "services:\n  app:\n    image: debian:bookworm-slim\n";

#[test]
fn without_an_engine_one_message_says_what_was_tried_and_what_to_do() {
    let talk = wharf()
        .file("docker-compose.dev.yml", APP)
        .args(["ps", "dev"])
        .run()
        .fails(7);
    assert!(talk.contains("/nowhere/docker.sock"), "{talk}");
    assert!(
        talk.contains("DOCKER_HOST") && talk.contains("start"),
        "{talk}"
    );
    assert_eq!(talk.matches("error:").count(), 1, "{talk}");
}

#[test]
fn an_unknown_verb_or_option_is_a_usage_error() {
    for arguments in [
        &["upp"][..],
        &["up", "--frobnicate"],
        &["logs", "--tail", "some"],
    ] {
        let talk = wharf()
            .file("docker-compose.dev.yml", APP)
            .args(arguments.iter().copied())
            .run()
            .fails(2);
        assert!(!talk.contains("panicked"), "{talk}");
    }
}

#[test]
fn a_timeout_below_zero_is_a_value_and_no_option() {
    for arguments in [
        &["stop", "-t", "-1"][..],
        &["restart", "--timeout", "-1"],
        &["down", "-t=-1"],
        &["up", "-t-1", "--wait-timeout", "-1"],
    ] {
        // What fails is that there is no engine.
        wharf()
            .file("docker-compose.yml", APP)
            .args(arguments.iter().copied())
            .run()
            .fails(7);
    }
}

#[test]
fn the_file_of_a_secret_is_missed_before_anything_is_made() {
    let text = "services: {app: {image: x, secrets: [key], configs: [conf]}, other: {image: x}}\nsecrets: {key: {file: ./key.txt}}\nconfigs: {conf: {file: ./app.conf}}\n";
    let stage = || {
        wharf()
            .file("docker-compose.dev.yml", text)
            .file("app.conf", "")
    };
    for verb in ["up", "plan", "create"] {
        let talk = stage().args([verb, "dev"]).run().fails(3);
        assert!(
            talk.contains("error[file-missing]: `secrets.key`"),
            "{talk}"
        );
        assert!(talk.contains("docker-compose.dev.yml:2:23"), "{talk}");
        assert!(talk.contains("help: make the file"), "{talk}");
        assert!(!talk.contains("conf"), "{talk}");
    }
    // Others do without it, an engine elsewhere mounts its own file, and nothing needs it to be stopped.
    for arguments in [
        &["up", "dev", "other"][..],
        &["-H", "tcp://127.0.0.1:1", "up", "dev"],
        &["stop", "dev"],
    ] {
        stage().args(arguments.iter().copied()).run().fails(7);
    }
}

#[test]
fn an_env_is_shipped_whole() {
    let talk = wharf()
        .file("docker-compose.prod.yml", APP)
        .args(["ship", "prod", "app", "ssh://server.example"])
        .run()
        .fails(2);
    assert!(talk.contains("`app` is one service of it"), "{talk}");
    assert!(talk.contains("help: leave `app` out"), "{talk}");
}

#[test]
fn the_experimental_drawing_is_for_graphviz() {
    let text = wharf()
        .file("docker-compose.dev.yml", APP)
        .args([
            "alpha",
            "viz",
            "dev",
            "--image",
            "--spaces",
            "--indentation-size",
            "2",
        ])
        .run()
        .succeeds();
    let node = "\n  \"app\" [style=\"filled\" label=<<font point-size=\"15\">app</font>";
    assert!(text.contains(node), "{text}");
    assert!(
        text.contains("<br/>debian:bookworm-slim</font>>];\n"),
        "{text}"
    );
    for arguments in [
        &["alpha", "viz", "--indentation-size", "-1"][..],
        &["alpha", "viz", "nosuch"],
        &["alpha"],
        &["bridge", "convert", "nosuch"],
        &["bridge", "convert", "--templates", "nosuch"],
        &["--dry-run", "bridge", "convert"],
    ] {
        let talk = wharf()
            .file("docker-compose.dev.yml", APP)
            .args(arguments.iter().copied())
            .run()
            .fails(2);
        assert!(!talk.contains("panicked"), "{talk}");
    }
}

#[test]
fn a_misspelt_service_is_named_with_its_like() {
    let talk = wharf()
        .file("docker-compose.dev.yml", APP)
        .args(["up", "dev", "ap"])
        .run()
        .fails(2);
    assert!(
        talk.contains("no service `ap`") && talk.contains("did you mean `app`"),
        "{talk}"
    );
    assert!(talk.contains("docker-compose.dev.yml:2:3"), "{talk}");
}

#[test]
fn a_misspelt_env_is_named_with_its_like() {
    for words in [&["plan", "prdo"][..], &["config", "prdo"]] {
        let talk = wharf()
            .file("docker-compose.dev.yml", APP)
            .file("docker-compose.prod.yml", APP)
            .args(words.iter().copied())
            .run()
            .fails(2);
        assert!(
            talk.contains("no env or service `prdo`") && talk.contains("the env `prod`"),
            "{talk}"
        );
    }
}

#[test]
fn what_no_engine_takes_is_refused_before_one_is_asked() {
    let talk = wharf()
        .file(
            "docker-compose.dev.yml",
            "services:\n  app:\n    image: x\n    restart: allways\n",
        )
        .args(["plan"])
        .run()
        .fails(3);
    assert!(talk.contains("docker-compose.dev.yml:4:14"), "{talk}");
    assert!(talk.contains("write `always`"), "{talk}");
}

#[test]
fn the_version_is_data() {
    let text = wharf().args(["version", "--short"]).run().succeeds();
    assert_eq!(text.trim(), env!("CARGO_PKG_VERSION"));
    let text = wharf().args(["--version"]).run().succeeds();
    assert!(text.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_is_coloured_where_nobody_sees_it() {
    let talk = wharf()
        .file("docker-compose.dev.yml", APP)
        .args(["up", "dev", "ap"])
        .run()
        .stderr;
    assert!(!talk.contains('\u{1b}'), "{talk:?}");
}

#[test]
fn settings_are_defaults_that_the_command_line_beats() {
    let talk = wharf()
        .file(".config/wharf/settings.env", "WHARF_PROGRESS=loud\n")
        .args(["version"])
        .run()
        .fails(2);
    assert!(
        talk.contains("WHARF_PROGRESS=loud") && talk.contains("plain"),
        "{talk}"
    );
    wharf()
        .file(
            ".config/wharf/settings.env",
            "# mine\nWHARF_PROGRESS=plain\n",
        )
        .args(["--progress", "json", "version"])
        .run()
        .succeeds();
    let talk = wharf()
        .file(".config/wharf/settings.env", "EDITOR=vi\n")
        .args(["version"])
        .run()
        .fails(2);
    assert!(
        talk.contains("settings.env") && talk.contains("`EDITOR`"),
        "{talk}"
    );
}
