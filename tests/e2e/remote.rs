//! Projects from elsewhere: what is published is run again from the registry.

use std::io::Write;
use std::process::Stdio;

use crate::publish::write_beside;
use crate::registry::Registry;
use crate::stage::{Run, Stage, fine, finish, on_each_engine};

/// A caller somewhere else, with nothing but a cache and credentials.
struct Caller<'s> {
    stage: &'s Stage,
    login: String,
}

impl Caller<'_> {
    fn call(&self, words: &[&str]) -> Run {
        self.answer(words, "")
    }

    fn answer(&self, words: &[&str], answers: &str) -> Run {
        let away = self.stage.directory.path().join("away");
        std::fs::create_dir_all(&away).expect("the directory");
        let mut command = self.stage.command_in(&away, words);
        command
            .env("DOCKER_CONFIG", &self.login)
            .env("XDG_CACHE_HOME", away.join("cache"))
            .env("LEVEL", "debug");
        if !answers.is_empty() {
            let (reading, mut writing) = std::io::pipe().expect("a pipe");
            writing.write_all(answers.as_bytes()).expect("the answers");
            command.stdin(Stdio::from(reading));
        }
        finish(command)
    }
}

fn write(stage: &Stage) {
    stage.write(
        "compose.yml",
        &format!(
            "name: {}
services:
  app:
    image: debian:bookworm-slim
    env_file:
      - app.env
    extends:
      file: parts/common.yml
      service: common
",
            stage.project
        ),
    );
    write_beside(stage);
}

#[test]
fn a_published_project_must_come_up_elsewhere_once_somebody_says_yes() {
    on_each_engine(|stage| {
        let registry = Registry::start(stage);
        write(stage);
        let caller = Caller {
            stage,
            login: registry.login(),
        };
        let artifact = format!("{}/team/stack:1", registry.host());
        let home = stage.directory.path().display().to_string();
        let (compose, over) = (format!("{home}/compose.yml"), format!("{home}/over.yml"));
        let files = ["-f", &compose, "-f", &over];
        let published = ["publish", "--with-env", "-y", &artifact];
        fine(&caller.call(&[&files[..], &published].concat()));

        let reference = format!("oci://{artifact}");
        let away = |words: &[&'static str]| [&["-f", reference.as_str()], words].concat();
        let config = caller.call(&away(&["config", "--format", "json"]));
        fine(&config);
        let config: serde_json::Value = serde_json::from_str(&config.stdout).expect("JSON");
        let app = &config["services"]["app"];
        assert_eq!(config["name"], *stage.project);
        assert_eq!(app["environment"]["FROM_FILE"], "yes");
        assert_eq!(app["environment"]["LEVEL"], "debug");
        assert_eq!(app["command"][1], "infinity");

        // It would get a variable of this machine: nothing runs unless somebody says so.
        let refused = caller.call(&away(&["up", "-d"]));
        assert_eq!(refused.code, 130, "{}", refused.talk());
        assert!(
            refused.stderr.contains("LEVEL  \"debug\" of the shell"),
            "{}",
            refused.talk()
        );
        assert_eq!(caller.answer(&away(&["up", "-d"]), "n\n").code, 130);
        let run = caller.call(&away(&["run", "--rm", "app", "true"]));
        assert_eq!(run.code, 130, "{}", run.talk());
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());
        fine(&caller.answer(&away(&["up", "-d"]), "y\n"));
        fine(&caller.call(&away(&["up", "-d", "--yes"])));
        let told = caller.call(&away(&[
            "exec",
            "-T",
            "app",
            "printenv",
            "LEVEL",
            "FROM_FILE",
        ]));
        assert_eq!(told.stdout, "debug\nyes\n", "{}", told.talk());
        let run = caller.call(&away(&[
            "run",
            "--yes",
            "--rm",
            "-T",
            "app",
            "printenv",
            "FROM_FILE",
        ]));
        assert_eq!(run.stdout, "yes\n", "{}", run.talk());

        // Another version is another copy, and the same project goes on with it.
        stage.write(
            "over.yml",
            "services:\n  app:\n    environment: {LEVEL: fixed}\n",
        );
        fine(&caller.call(&[&files[..], &published].concat()));
        fine(&caller.call(&away(&["up", "-d"])));
        let told = caller.call(&away(&["exec", "-T", "app", "printenv", "LEVEL"]));
        assert_eq!(told.stdout, "fixed\n", "{}", told.talk());
        let copies = stage.directory.path().join("away/cache/wharf/remote/oci");
        assert_eq!(std::fs::read_dir(copies).expect("the copies").count(), 2);
        fine(&caller.call(&away(&["down", "--timeout", "0"])));
        assert_eq!(stage.objects_of(&stage.project), Vec::<String>::new());

        let stranger = Caller {
            stage,
            login: "/nowhere".into(),
        };
        let refused = stranger.call(&away(&["config"]));
        assert_eq!(refused.code, 3, "{}", refused.talk());
        assert!(
            refused.stderr.contains("docker login"),
            "{}",
            refused.talk()
        );
    });
}
