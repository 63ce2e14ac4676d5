//! Who is at the keyboard reaches the images.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::stage::{Run, Stage, finish, on_each_engine};

const DOCKERFILE: &str = "FROM debian:bookworm-slim\nARG UID\nRUN echo made for $UID >/made-for && mkdir -m 777 /work\nUSER $UID\n";
const LAYER: &str = "services:\n  app:\n    image: TAG\n    build:\n      context: .\n      args: {UID: \"${UID}\"}\n    command: [sleep, infinity]\n    init: true\n    volumes: [\"./shared:/work\"]\n";

fn up(stage: &Stage, uid: Option<&str>) -> Run {
    let mut command = stage.command(&["-p", &stage.project, "up", "dev"]);
    command
        .env_remove("UID")
        .env_remove("SUDO_UID")
        .env_remove("SUDO_GID");
    if let Some(uid) = uid {
        command.env("UID", uid);
    }
    finish(command)
}

/// The image is made for the owner of the directory (for root), another `UID` makes another image and another container, and
/// what the container writes belongs to that user.
#[test]
fn another_user_gets_another_image_and_owns_what_it_writes() {
    on_each_engine(|stage| {
        let tag = format!("{}:1", stage.project);
        stage.write("Dockerfile", DOCKERFILE);
        stage.write(".dockerignore", "shared\n");
        stage.write("docker-compose.dev.yml", &LAYER.replace("TAG", &tag));
        let shared = stage.directory.path().join("shared");
        std::fs::create_dir(&shared).expect("a directory");
        let open = Command::new("chmod").arg("777").arg(&shared).status();
        assert!(open.expect("chmod").success());

        let first = up(stage, Some("4321"));
        assert_eq!(first.code, 0, "{}", first.talk());
        let exec = |command: &[&str]| {
            stage.wharf_ok(&[&["-p", &stage.project, "exec", "-T", "dev", "app"], command].concat())
        };
        assert_eq!(exec(&["id", "-u"]).stdout.trim(), "4321");
        exec(&["touch", "/work/mine"]);
        assert_eq!(
            std::fs::metadata(shared.join("mine"))
                .expect("the file")
                .uid(),
            4321
        );

        let second = up(stage, Some("4322"));
        assert_eq!(second.code, 0, "{}", second.talk());
        assert_eq!(exec(&["id", "-u"]).stdout.trim(), "4322");
        assert_eq!(exec(&["cat", "/made-for"]).stdout.trim(), "made for 4322");

        let again = up(stage, Some("4322"));
        assert!(again.stderr.contains("nothing to do"), "{}", again.talk());

        stage.wharf_ok(&[
            "-p",
            &stage.project,
            "down",
            "dev",
            "--volumes",
            "--timeout",
            "0",
        ]);
        stage.remove_image(&tag);
    });
}
