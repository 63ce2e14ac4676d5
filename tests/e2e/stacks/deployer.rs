use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Stack;
use super::servers::Servers;
use crate::stage::{Stage, on_each_engine};

/// The stack with the program under test, which is compiled already.
fn deployer(stage: &Stage) -> Stack<'_> {
    let stack = Stack::new(stage, "deployer");
    let tree = stack.tree.display().to_string();
    stack
        .with("WHARF_FROM", "binary")
        .with("WHARF_BINARY", program(stage).display().to_string())
        .with("WORK", tree)
}

/// A directory that holds the program under test and nothing else.
fn program(stage: &Stage) -> PathBuf {
    let directory = stage.directory.path().join("program");
    std::fs::create_dir(&directory).expect("a directory for the program");
    std::fs::copy(env!("CARGO_BIN_EXE_wharf"), directory.join("wharf")).expect("the program");
    directory
}

/// wharf works in its image, on an engine outside of it.
#[test]
fn the_deployer_is_green() {
    on_each_engine(|stage| {
        let run = deployer(stage).wharf_ok(&["test"]);
        for line in [
            "ok      the owner of /work is who runs",
            "ok: up, bind mounts, ownership, no change the second time",
        ] {
            assert!(run.stdout.contains(line), "{line}\n{}", run.talk());
        }
    });
}

/// `docker run IMAGE up dev` in the repository brings the bundled stack up, and what it writes belongs to the tree's owner.
#[test]
fn the_deployer_brings_the_bundled_stack_up() {
    on_each_engine(|stage| {
        let stack = deployer(stage);
        // Any free port: another test may hold the usual ones.
        let layer = stack.tree.join("docker-compose.dev.yml");
        let text = std::fs::read_to_string(&layer).expect("the layer");
        let ports = [
            ("5000:5000", ":5000"),
            ("55432:5432", ":5432"),
            ("15672:15672", ":15672"),
        ];
        let text = ports.iter().fold(text, |text, (fixed, free)| {
            text.replace(&format!("127.0.0.1:{fixed}"), &format!("127.0.0.1:{free}"))
        });
        std::fs::write(&layer, text).expect("the layer");
        stack.wharf_ok(&["build", "dev"]);
        let inside = format!("{}up", stage.project);
        let call = |arguments: &[&str]| {
            // What is built in there has to trust what this machine trusts.
            let trusted = "/etc/ssl/certs/ca-certificates.crt";
            let volume = format!("{trusted}:{trusted}:ro");
            let run = [
                "run", "--rm", "-T", "-v", &volume, "dev", "deployer", "-p", &inside,
            ];
            stack.wharf(&[&run[..], arguments].concat())
        };
        let up = call(&["up", "dev"]);
        let seen = stage.objects_of(&inside);
        let made = "/opt/pycroft/app/made-from-inside";
        let made = call(&["exec", "-T", "dev", "app", "touch", made]);
        let down = call(&["down", "dev", "--volumes", "--timeout", "0"]);
        assert_eq!(up.code, 0, "{}", up.talk());
        for service in ["app", "worker", "db", "ldap", "mq"] {
            let name = format!("-{service}-1");
            assert!(
                seen.iter().any(|object| object.contains(&name)),
                "{service}: {seen:?}"
            );
        }
        assert_eq!(made.code, 0, "{}", made.talk());
        let owner = |path: &str| {
            std::fs::metadata(stack.tree.join(path))
                .expect("the file")
                .uid()
        };
        assert_eq!(
            owner("stacks/pycroft/app/made-from-inside"),
            owner("stacks")
        );
        assert_eq!(down.code, 0, "{}", down.talk());
        assert_eq!(stage.objects_of(&inside), Vec::<String>::new());
    });
}

/// With keys that it can only read, the image ships to a server; what it keeps in the mounted folders is the caller's, and is
/// there for the next call.
#[test]
fn the_deployer_ships_with_keys_that_it_can_only_read() {
    on_each_engine(|stage| {
        let stack = deployer(stage);
        stack.wharf_ok(&["build", "prod"]);
        let servers = Servers::start(&stack, &["north"]);
        let here = stage.directory.path();
        for folder in ["work", "data", "build", "keys"] {
            std::fs::create_dir(here.join(folder)).expect("a folder");
        }
        std::fs::copy(servers.directory.join("key"), here.join("keys/id_ed25519"))
            .expect("the key");
        std::fs::copy(
            servers.directory.join("known_hosts"),
            here.join("keys/known_hosts"),
        )
        .expect("the hosts");
        stage.write("work/docker-compose.prod.yml", SMALL);
        let owned = ["work", "data", "build", "keys"].map(|folder| here.join(folder));
        let given = Command::new("chown")
            .args(["-R", "1000:1000"])
            .args(&owned)
            .status();
        assert!(given.expect("chown").success());
        let socket = stage.address.trim_start_matches("unix://");
        let project = &stage.project;
        stage.write(
            "inside.yml",
            &format!(
                "services:
  deployer:
    image: wharf-deployer:{project}
    # The server's port is on this machine's loopback.
    network_mode: host
    volumes: ['{socket}:/var/run/docker.sock', './work:/work', './data:/data', './build:/build', './keys:/home/wharf/.ssh:ro']
"
            ),
        );
        let call = |arguments: &[&str]| {
            let run = [
                "-f",
                "inside.yml",
                "-p",
                project,
                "run",
                "--rm",
                "-T",
                "deployer",
                "-p",
                "small",
            ];
            stage.wharf(&[&run[..], arguments].concat())
        };
        let address = servers.address("north");
        let shipped = call(&["ship", "prod", &address]);
        assert_eq!(shipped.code, 0, "{}", shipped.talk());
        let answer = servers.on(
            "north",
            &["docker", "exec", "small-web-1", "cat", "/answer"],
        );
        assert_eq!(answer, "shipped from inside");
        let again = call(&["ship", "prod", &address]);
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());
        let owners = Command::new("find")
            .args(&owned)
            .args(["-printf", "%U %p\\n"])
            .output();
        let owners = String::from_utf8(owners.expect("find").stdout).expect("text");
        let others: Vec<&str> = owners
            .lines()
            .filter(|line| !line.starts_with("1000 "))
            .collect();
        assert_eq!(others, Vec::<&str>::new());
        eprintln!("{owners}");
        stage.remove_image("small-web");
    });
}

/// A project whose image is little more than a file.
const SMALL: &str = "services:
  web:
    image: small-web
    build:
      context: .
      dockerfile_inline: |
        FROM debian:bookworm-slim AS debian
        RUN mkdir /min && cp --parents -L /bin/cat /bin/sleep /bin/true /lib*/ld-linux*.so.* /lib/*-linux-gnu/libc.so.6 /min/ && echo shipped from inside > /min/answer
        FROM scratch
        COPY --from=debian /min /
    command: [sleep, infinity]
    stop_signal: SIGKILL
    healthcheck: {test: [CMD, 'true'], interval: 1s}
";

/// The program that stands for wharf where the image is built from source, so that it takes seconds: with one dependency.
const MANIFEST: &str = "[package]\nname = \"wharf\"\nversion = \"0.0.0\"\nedition = \"2024\"\nrust-version = \"RUST\"\n\n[dependencies]\ncfg-if = \"1\"\n";

/// Compiled in the image, with wharf's own minimum of Rust; an edit of the sources compiles no dependency again.
#[test]
fn a_change_of_the_sources_leaves_the_dependency_layer_alone() {
    on_each_engine(|stage| {
        let mut stack = deployer(stage);
        stack
            .variables
            .retain(|(name, _)| !name.starts_with("WHARF_"));
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let own = std::fs::read_to_string(home.join("Cargo.toml")).expect("the manifest");
        let rust = own
            .lines()
            .find_map(|line| line.strip_prefix("rust-version = "));
        let manifest = MANIFEST.replace("\"RUST\"", rust.expect("a version of Rust"));
        std::fs::write(stack.tree.join("Cargo.toml"), manifest).expect("the manifest");
        let lock = std::fs::read_to_string(home.join("Cargo.lock")).expect("the lock");
        let dependency = lock
            .split("\n\n")
            .find(|entry| entry.contains("name = \"cfg-if\""));
        let own = "[[package]]\nname = \"wharf\"\nversion = \"0.0.0\"\ndependencies = [\n \"cfg-if\",\n]\n";
        let lock = format!(
            "version = 4\n\n{}\n\n{own}",
            dependency.expect("the dependency")
        );
        std::fs::write(stack.tree.join("Cargo.lock"), lock).expect("the lock");
        std::fs::create_dir(stack.tree.join("src")).expect("a directory");
        let build = |says: &str| {
            let program = format!(
                "fn main() {{ cfg_if::cfg_if! {{ if #[cfg(unix)] {{ println!(\"{says}\"); }} }} }}\n"
            );
            std::fs::write(stack.tree.join("src/main.rs"), program).expect("the program");
            let build = stack.wharf_ok(&["build", "prod", "--progress", "plain"]);
            let run = stack.wharf_ok(&["run", "--rm", "-T", "dev", "deployer"]);
            assert!(run.stdout.contains(says), "{}", run.talk());
            build.stderr
        };
        // Sources that no run before has compiled, or the engine may hold the result already.
        let now = std::time::UNIX_EPOCH.elapsed().expect("the time");
        build(&format!("first {}", now.as_nanos()));
        let talk = build(&format!("second {}", now.as_nanos()));
        let step = |number: &str| {
            let line = talk
                .lines()
                .rfind(|line| line.contains(&format!("[source {number}/")));
            line.unwrap_or_else(|| panic!("step {number} is not in {talk}"))
        };
        assert!(step("5").contains("CACHED"), "{talk}");
        assert!(!step("7").contains("CACHED"), "{talk}");
    });
}
