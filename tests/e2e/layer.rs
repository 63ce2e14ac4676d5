//! The configuration layer.

use crate::stage::{Stage, on_each_engine};

fn compose(stage: &Stage, port: &str) {
    stage.write(
        "docker-compose.yml",
        &format!(
            "services:
  app:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    init: true
    x-wharf:
      config:
        - {{template: app.conf.j2, target: /srv/app.conf, mode: '0640', uid: 7, gid: 8, values: {{port: '{port}'}}}}
        - {{file: plain.txt, target: /var/run/deep/er/plain.txt}}
        - {{template: app.conf.j2, target: /var/tmp/own.conf, values: {{port: '1'}}}}
"
        ),
    );
    stage.write(
        "app.conf.j2",
        "port = {{ values.port }}\nin = {{ service }}\n",
    );
    stage.write("plain.txt", "{{ not a template }}\n");
}

fn image_id(stage: &Stage) -> String {
    let name = format!("{}-app:configured", stage.project);
    let image = stage.get(&format!("/images/{name}/json"));
    image["Id"].as_str().unwrap_or_default().to_owned()
}

fn inside(stage: &Stage, script: &str) -> String {
    let run = stage.wharf_ok(&[
        "-p",
        &stage.project,
        "exec",
        "-T",
        "app",
        "sh",
        "-c",
        script,
    ]);
    run.stdout
}

/// `up` must run the image with its configuration as the last layer, leave the rest of the image as it was, do nothing when
/// nothing has changed, and give the same configuration the same image id.
#[test]
fn a_configuration_is_the_last_layer_of_an_image() {
    on_each_engine(|stage| {
        compose(stage, "80");
        let p = stage.project.clone();
        stage.wharf_ok(&["-p", &p, "up", "-d", "--timeout", "0"]);
        assert_eq!(inside(stage, "cat /srv/app.conf"), "port = 80\nin = app\n");
        assert_eq!(
            inside(stage, "stat -c '%a %u %g' /srv/app.conf"),
            "640 7 8\n"
        );
        // `/var/run` is a link to `/run`: it stays one.
        assert_eq!(
            inside(
                stage,
                "readlink /var/run; cat /run/deep/er/plain.txt; stat -c %a /run/deep"
            ),
            "/run\n{{ not a template }}\n755\n"
        );
        // What was there keeps its mode.
        assert_eq!(inside(stage, "stat -c '%a %u' /var/tmp"), "1777 0\n");
        let first = image_id(stage);
        let base = stage.get("/images/debian:bookworm-slim/json");
        let own = stage.get(&format!("/images/{first}/json"));
        let layers = |image: &serde_json::Value| -> Vec<String> {
            let layers = image["RootFS"]["Layers"].as_array().cloned();
            let layers = layers.unwrap_or_default();
            layers.iter().map(ToString::to_string).collect()
        };
        assert_eq!(layers(&own)[..layers(&own).len() - 1], layers(&base));

        let again = stage.wharf_ok(&["-p", &p, "up", "-d"]);
        assert!(again.stderr.contains("nothing to do"), "{}", again.talk());
        let plan = stage.wharf_ok(&["-p", &p, "plan", "--detailed-exitcode"]);
        assert!(!plan.stderr.contains("has changed"), "{}", plan.talk());

        compose(stage, "81");
        let plan = stage.wharf(&["-p", &p, "plan"]);
        assert!(plan.stderr.contains("has changed"), "{}", plan.talk());
        stage.wharf_ok(&["-p", &p, "up", "-d", "--timeout", "0"]);
        assert_eq!(inside(stage, "head -1 /srv/app.conf"), "port = 81\n");
        assert_ne!(image_id(stage), first);

        compose(stage, "80");
        stage.wharf_ok(&["-p", &p, "up", "-d", "--timeout", "0"]);
        assert_eq!(image_id(stage), first);
        let left = stage.objects_with("wharf.look");
        assert!(left.is_empty(), "{left:?}");
        stage.wharf_ok(&["-p", &p, "down", "--timeout", "0"]);
        for name in ["configured", "configured-former"] {
            stage.remove_image(&format!("{p}-app:{name}"));
        }
    });
}

/// A value that is not defined must be an error with the template's line, before anything is started.
#[test]
fn an_undefined_value_stops_up() {
    on_each_engine(|stage| {
        compose(stage, "80");
        stage.write("app.conf.j2", "a = 1\nport = {{ values.prot }}\n");
        let run = stage.wharf(&["-p", &stage.project, "up", "-d"]);
        assert_eq!(run.code, 3, "{}", run.talk());
        assert!(run.stderr.contains("app.conf.j2:2:"), "{}", run.talk());
        assert!(run.stderr.contains("values.prot"), "{}", run.talk());
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
    });
}

/// Tests must meet the services with the configuration that `up` gives them, whatever a run's copy of the env is called, and a
/// second run must find the same image.
#[test]
fn tests_run_against_configured_images() {
    on_each_engine(|stage| {
        compose(stage, "80");
        stage.write(
            "app.conf.j2",
            "port = {{ values.port }}\nof = {{ project }}\n",
        );
        let p = stage.project.clone();
        let tests = |expected: &str| {
            stage.write(
                "tests.yml",
                &format!(
                    "services:\n  app: {{command: [sh, -c, 'cat /srv/app.conf; grep -qx \"port = {expected}\" /srv/app.conf && grep -qx \"of = {p}\" /srv/app.conf']}}\nx-wharf: {{test: {{service: app}}}}\n"
                ),
            );
            let files = ["-p", &p, "-f", "docker-compose.yml", "-f", "tests.yml"];
            stage.wharf(&[&files[..], &["test"]].concat())
        };
        let run = tests("80");
        assert_eq!(run.code, 0, "{}", run.talk());
        let first = image_id(stage);
        assert!(first.starts_with("sha256:"), "{first}");
        let run = tests("80");
        assert_eq!(run.code, 0, "{}", run.talk());
        assert_eq!(image_id(stage), first);
        let run = tests("81");
        assert_eq!(run.code, 1, "{}", run.talk());
        stage.remove_image(&format!("{p}-app:configured"));
    });
}
