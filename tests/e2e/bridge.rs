//! `bridge convert` owes what a transformation makes of a project, whole or not at all, and leaves nothing on the engine.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{Run, Stage, eventually, fine, finish, on_each_engine};

/// `x-do` says what becomes of it.
const PROJECT: &str = r#"
name: PROJECT
x-do: ${DO:-finish}
services:
  web:
    image: PROJECT-transformation
    expose: ["9000"]
    ports: ["8080:80"]
    secrets: [token]
secrets:
  token: {file: ./token.txt}
"#;

/// Goes on from what is there, so that two runs can be told from one.
const SCRIPT: &str = r#"
echo to-out
echo to-err >&2
grep -q "x-do: fail" /in/compose.yaml && { echo half >/out/half; exit 7; }
grep -q "x-do: stay" /in/compose.yaml && sleep 600
cp /in/compose.yaml /out/model.yaml
cp -r /templates /out/templates
echo "$LICENSE_AGREEMENT" >>/out/deep/runs || { mkdir /out/deep && echo "$LICENSE_AGREEMENT" >/out/deep/runs; }
"#;

/// The image of a transformation, which goes with the scenario.
struct Image<'s> {
    stage: &'s Stage,
    name: String,
}

impl<'s> Image<'s> {
    fn build(stage: &'s Stage) -> Self {
        let name = format!("{}-transformation", stage.project);
        stage.write("image/run.sh", SCRIPT);
        stage.write("image/templates/own.tmpl", "of the image\n");
        stage.write(
            "image/compose.yml",
            &format!(
                "name: {name}
services:
  transformation:
    image: {name}
    build:
      context: .
      dockerfile_inline: |
        FROM debian:bookworm-slim
        LABEL com.docker.compose.bridge=transformation of={name}
        COPY templates /templates
        COPY run.sh /run.sh
        EXPOSE 7000/udp
        ENTRYPOINT [\"sh\", \"/run.sh\"]
"
            ),
        );
        let image = Image { stage, name };
        stage.wharf_ok(&["-f", "image/compose.yml", "build"]);
        stage.write_project(PROJECT);
        stage.write("token.txt", "a $secret\n");
        image
    }

    fn containers(&self) -> usize {
        let filter = format!("%7B%22ancestor%22%3A%5B%22{}%22%5D%7D", self.name);
        let containers = format!("/containers/json?all=1&filters={filter}");
        self.stage.get(&containers).as_array().map_or(0, Vec::len)
    }

    fn convert(&self, doing: &str, words: &[&str]) -> Command {
        let convert = ["-f", "compose.yml", "bridge", "convert", "-t", &self.name];
        let mut command = self.stage.command(&[&convert[..], words].concat());
        command.env("DO", doing);
        command
    }

    fn converted(&self, doing: &str, words: &[&str]) -> Run {
        finish(self.convert(doing, words))
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.stage.remove_image(&self.name);
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_project_must_become_what_transformations_make_of_it() {
    on_each_engine(|stage| {
        let image = Image::build(stage);
        let here = stage.directory.path();
        let made = here.join("out");
        stage.write("out/former", "");
        let converted = image.converted("finish", &[]);
        fine(&converted);
        assert_eq!(converted.stdout, "to-out\n", "{}", converted.talk());
        assert!(
            converted.stderr.contains("to-err\n"),
            "{}",
            converted.talk()
        );
        assert!(!made.join("former").exists());
        let model = text(&made.join("model.yaml"));
        for line in [
            "- \"9000\"",
            "- \"7000\"",
            "- \"80\"",
            "a $secret",
            &image.name,
        ] {
            assert!(model.contains(line), "{line}: {model}");
        }
        assert_eq!(text(&made.join("templates/own.tmpl")), "of the image\n");
        assert_eq!(text(&made.join("deep/runs")), "true\n");
        let owner = |path: &Path| path.metadata().expect("a file").uid();
        assert_eq!(owner(&made.join("deep/runs")), owner(here));

        // A second one goes on from the first, with templates of the caller's own, into a directory that stays.
        stage.write("mine/other.tmpl", "mine\n");
        let words = ["-t", &image.name, "--templates", "mine", "-o", "."];
        fine(&image.converted("finish", &words));
        assert_eq!(text(&here.join("deep/runs")), "true\ntrue\n");
        assert_eq!(text(&here.join("templates/other.tmpl")), "mine\n");
        assert!(!here.join("templates/own.tmpl").exists());
        assert!(here.join("compose.yml").exists() && made.join("model.yaml").exists());
        assert_eq!(image.containers(), 0);
    });
}

#[test]
fn a_transformation_that_does_not_finish_must_leave_nothing() {
    on_each_engine(|stage| {
        let image = Image::build(stage);
        let kept = stage.write("out/kept", "");
        let failed = image.converted("fail", &[]);
        assert_eq!(failed.code, 7, "{}", failed.talk());
        assert!(failed.stderr.contains("to-err\n"), "{}", failed.talk());
        let mut as_compose = stage.compose(&["bridge", "convert", "-t", &image.name]);
        as_compose.env("DO", "fail");
        assert_eq!(finish(as_compose).code, 7);

        let mut staying = image.convert("stay", &[]);
        let staying = staying.stdout(Stdio::null()).stderr(Stdio::piped());
        let staying = staying.spawn().expect("wharf starts");
        eventually("it runs", Duration::from_secs(60), || {
            let running = format!(
                "/containers/json?filters=%7B%22ancestor%22%3A%5B%22{}%22%5D%7D",
                image.name
            );
            let running = stage.get(&running);
            running
                .as_array()
                .is_some_and(|all| !all.is_empty())
                .then_some(())
        });
        let number = staying.id().to_string();
        let told = Command::new("kill").args(["-INT", &number]).status();
        assert!(told.is_ok_and(|status| status.success()));
        let ended = Run::from(staying.wait_with_output().expect("its end"));
        assert_eq!(ended.code, 130, "{}", ended.talk());

        let out = kept.parent().expect("its directory");
        assert_eq!(std::fs::read_dir(out).expect("it").count(), 1);
        assert_eq!(image.containers(), 0);
    });
}

#[test]
fn transformations_must_be_listed_and_begun() {
    on_each_engine(|stage| {
        let image = Image::build(stage);
        let bridge = |words: &[&str]| {
            let words = [&["bridge", "transformations"], words].concat();
            finish(stage.compose(&words))
        };
        let tag = format!("{}:latest", image.name);
        let names = bridge(&["list", "-q"]);
        assert!(
            names.stdout.lines().any(|name| name == tag),
            "{}",
            names.talk()
        );
        let table = bridge(&["ls"]);
        let row = table.stdout.lines().find(|line| line.contains(&image.name));
        assert!(
            row.is_some_and(|row| row.contains("latest")),
            "{}",
            table.talk()
        );
        let json = bridge(&["ls", "--format", "json"]);
        assert!(
            json.stdout.contains(&format!("[\"{tag}\"]")),
            "{}",
            json.talk()
        );

        fine(&bridge(&["create", "-f", &image.name, "new/own"]));
        let begun = stage.directory.path().join("new/own");
        assert_eq!(text(&begun.join("templates/own.tmpl")), "of the image\n");
        assert!(text(&begun.join("Dockerfile")).contains("COPY templates /templates\n"));
        let again = bridge(&["create", "-f", &image.name, "new/own"]);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("already exists"), "{}", again.talk());
        let without = bridge(&["create", "-f", "debian:bookworm-slim", "other"]);
        assert_eq!(without.code, 1);
        assert!(!stage.directory.path().join("other").exists());
        assert_eq!(image.containers(), 0);
    });
}
