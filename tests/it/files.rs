use crate::stage::wharf;

const BASE: &str = "name: demo\nservices:\n  app:\n    image: debian:bookworm-slim\n";
const DEV: &str = "services:\n  app:\n    environment:\n      LAYER: dev\n";

#[test]
fn an_env_is_its_base_and_its_layer_and_a_project_of_its_own() {
    let stage = wharf()
        .file("docker-compose.base.yml", BASE)
        .file("docker-compose.dev.yml", DEV)
        .file(
            "docker-compose.test.yml",
            "services:\n  app:\n    environment:\n      LAYER: test\n",
        );
    let text = stage
        .args(["config", "test", "--format", "json"])
        .run()
        .succeeds();
    let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(config["name"], "demo-test");
    assert_eq!(config["services"]["app"]["environment"]["LAYER"], "test");
}

#[test]
fn the_default_env_is_the_one_that_the_compose_file_links_to() {
    let text = wharf()
        .file("docker-compose.base.yml", BASE)
        .file("docker-compose.dev.yml", DEV)
        .link("docker-compose.yml", "docker-compose.dev.yml")
        .below("src/deep")
        .args(["config", "--format", "json"])
        .run()
        .succeeds();
    let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(config["name"], "demo-dev");
    assert_eq!(config["services"]["app"]["environment"]["LAYER"], "dev");
}

#[test]
fn files_named_with_f_are_read_as_docker_compose_reads_them() {
    let text = wharf()
        .file("docker-compose.base.yml", BASE)
        .file("docker-compose.dev.yml", DEV)
        .args([
            "-f",
            "docker-compose.base.yml",
            "config",
            "--format",
            "json",
        ])
        .run()
        .succeeds();
    let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(config["name"], "demo");
}

#[test]
fn bad_input_is_answered_with_file_line_and_a_way_out() {
    // (files, arguments, what the answer must contain)
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        &'static [&'static str],
    );
    let cases: [Case; 7] = [
        (
            &[(
                "docker-compose.dev.yml",
                "services:\n  app:\n    image: [\n",
            )],
            &["config", "dev"],
            &["docker-compose.dev.yml:"],
        ),
        (
            &[("docker-compose.dev.yml", "services:\n  app:\n    imge: x\n")],
            &["config", "dev"],
            &["docker-compose.dev.yml:3:5", "`image`"],
        ),
        (
            &[(
                "docker-compose.dev.yml",
                "services:\n  app:\n    image: ${TAG:?say which}\n",
            )],
            &["config", "dev"],
            &["docker-compose.dev.yml:3", "TAG", "say which"],
        ),
        (
            &[(
                "docker-compose.dev.yml",
                "services:\n  a:\n    image: x\n    depends_on: [b]\n  b:\n    image: x\n    depends_on: [a]\n",
            )],
            &["config", "dev"],
            &["docker-compose.dev.yml:", "a", "b", "cycle"],
        ),
        (
            &[(
                "docker-compose.dev.yml",
                "services:\n  a:\n    image: x\n    depends_on: [dbb]\n  db:\n    image: x\n",
            )],
            &["config", "dev"],
            &["docker-compose.dev.yml:4", "`db`"],
        ),
        (
            &[(
                "docker-compose.dev.yml",
                "services:\n  a:\n    extends: {file: docker-compose.base.yml, service: a}\n",
            )],
            &["config", "dev"],
            &["docker-compose.base.yml", "docker-compose.dev.yml:3"],
        ),
        (
            &[("docker-compose.dev.yml", "services:\n  a:\n    image: x\n")],
            &["-f", "docker-compose.dve.yml", "config"],
            &["docker-compose.dve.yml", "docker-compose.dev.yml"],
        ),
    ];
    for (files, arguments, expected) in cases {
        let stage = files
            .iter()
            .fold(wharf(), |stage, (path, text)| stage.file(path, text));
        let talk = stage.args(arguments.iter().copied()).run().fails(3);
        for text in expected {
            assert!(talk.contains(text), "`{text}` is not in\n{talk}");
        }
        assert!(talk.contains("help"), "no way out in\n{talk}");
    }
}

#[test]
fn a_directory_without_a_project_says_which_names_are_looked_for() {
    let talk = wharf().args(["up"]).run().fails(3);
    assert!(
        talk.contains("docker-compose") && talk.contains("help"),
        "{talk}"
    );
}

#[test]
fn a_file_on_standard_input_and_a_variable_of_the_shell() {
    let text = wharf()
        .input("name: piped\nservices:\n  app:\n    image: app:${TAG}\n")
        .env("TAG", "7")
        .args(["-f", "-", "config", "--format", "json"])
        .run()
        .succeeds();
    let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(config["name"], "piped");
    assert_eq!(config["services"]["app"]["image"], "app:7");
}
