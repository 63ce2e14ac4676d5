use serde_json::Value;

use super::Stack;
use super::servers::Servers;
use crate::stage::{Stage, finish, on_each_engine};

const TOKEN: &str = "only-for-tests";
const SERVERS: [&str; 2] = ["north", "south"];

fn layered(stage: &Stage) -> Stack<'_> {
    let stack = Stack::new(stage, "layered").with("APP_TOKEN", TOKEN);
    // The mirror may have moved on since the lock was written; this is what one does then.
    let lock = stack.wharf_ok(&["--profile", "tools", "run", "--rm", "-T", "lock"]);
    std::fs::write(stack.home().join("base/packages.lock"), lock.stdout).expect("the lock");
    stack
}

/// The checks pass with the configuration of a server that does not exist.
#[test]
fn layered_is_green() {
    on_each_engine(|stage| {
        let run = layered(stage).wharf_ok(&["test"]);
        for check in [
            "the page greets as the configuration layer says",
            "who has the token does",
        ] {
            assert!(
                run.stdout.contains(&format!("ok      {check}")),
                "{}",
                run.talk()
            );
        }
    });
}

/// Built anew, without a cache, an image is the same one.
#[test]
fn the_same_sources_and_date_are_the_same_image() {
    on_each_engine(|stage| {
        let stack = layered(stage);
        stack.wharf_ok(&["build", "prod"]);
        let images = || ["base", "app"].map(|name| stack.image(&format!("wharf-layered-{name}")));
        let before = images();
        stack.wharf_ok(&["build", "prod", "--no-cache"]);
        for (before, after) in before.iter().zip(images()) {
            // 20.10 touches the directories of its own mounts (/etc, /run/secrets) after a step has ended, and writes the time of the
            // build into the image, whatever the date of the sources is: there only the bytes can be the same.
            if stage.engine == "bookworm" {
                assert_eq!(before["Size"], after["Size"]);
            } else {
                assert_eq!(before["Id"], after["Id"]);
                assert_eq!(before["RootFS"], after["RootFS"]);
            }
        }
    });
}

/// What the mirror has no longer is installed from the file that was kept; without it the build names the package.
#[test]
fn a_package_that_is_gone_comes_from_what_was_kept() {
    on_each_engine(|stage| {
        let stack = layered(stage);
        let lock = stack.home().join("base/packages.lock");
        let tool = |words: &[&str]| {
            let run = ["--profile", "tools", "run", "--rm", "-T", "keep"];
            stack.wharf_ok(&[&run[..], words].concat()).stdout
        };
        let today = std::fs::read_to_string(&lock).expect("the lock");
        let line = today.lines().find(|line| line.starts_with("media-types="));
        let (package, hash) = line
            .and_then(|line| line.split_once(' '))
            .expect("a package");
        std::fs::write(&lock, format!("{package} {hash}\n")).expect("the lock");
        tool(&[]);
        let hashes = tool(&["sh", "-c", "sha256sum /base/kept/media-types_*.deb"]);
        assert!(hashes.starts_with(hash), "{hashes}");

        // No mirror has ever had this one.
        let make = "mkdir -p /tmp/gone/DEBIAN && printf 'Package: gone\nVersion: 1:1.0\nArchitecture: all\nMaintainer: a\nDescription: a\n' > /tmp/gone/DEBIAN/control \
            && dpkg-deb --build /tmp/gone /base/kept/gone_1%3a1.0_all.deb >&2 && sha256sum /base/kept/gone_*";
        let made = tool(&["sh", "-c", make]);
        let hash = made.split(' ').next().expect("a hash");
        std::fs::write(&lock, format!("gone=1:1.0 {hash}\n")).expect("the lock");
        stack.wharf_ok(&["build", "prod", "base"]);
        tool(&["rm", "/base/kept/gone_1%3a1.0_all.deb"]);
        let refused = stack.wharf(&["build", "prod", "base"]);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused
                .stderr
                .contains("the mirror has no gone=1:1.0 any longer"),
            "{}",
            refused.talk()
        );
    });
}

/// Ships the application with the configuration of a server to it.
fn ship(servers: &Servers<'_>, name: &str) {
    let file = format!("stacks/layered/servers/{name}.env");
    let address = servers.address(name);
    let words = [
        "--stack",
        "layered",
        "--env-file",
        &file,
        "ship",
        "prod",
        &address,
    ];
    let mut command = servers.stack.command(&words);
    servers.let_in(&mut command);
    let run = finish(command);
    assert_eq!(run.code, 0, "{}", run.talk());
}

/// What the application on a server answers.
fn answer(servers: &Servers<'_>, name: &str, path: &str) -> String {
    let script = format!(
        "import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8080{path}', headers={{'Authorization': 'Bearer {TOKEN}'}})).read().decode())"
    );
    let app = format!("{}-app-1", servers.stack.stage.project);
    servers.on(name, &["docker", "exec", &app, "python3", "-c", &script])
}

/// The layers of the image that a server runs, lowest first.
fn layers(servers: &Servers<'_>, name: &str) -> Vec<Value> {
    let app = format!("{}-app-1", servers.stack.stage.project);
    let image = servers.on(name, &["docker", "inspect", "--format", "{{.Image}}", &app]);
    let format = "{{json .RootFS.Layers}}";
    let layers = servers.on(
        name,
        &["docker", "image", "inspect", "--format", format, &image],
    );
    serde_json::from_str(&layers).expect("layers")
}

/// Two servers run the same application, each with its own configuration and the secret in it; no registry gets that.
#[test]
fn one_application_is_two_servers() {
    on_each_engine(|stage| {
        let stack = layered(stage);
        let servers = Servers::start(&stack, &SERVERS);
        for name in SERVERS {
            ship(&servers, name);
            let greeting = format!("Hello from the {name}");
            assert!(answer(&servers, name, "/").contains(&greeting));
            assert!(answer(&servers, name, "/private").contains("true"));
        }
        let [north, south] = SERVERS.map(|name| layers(&servers, name));
        let [(own, shared), (other, same)] =
            [&north, &south].map(|layers| layers.split_last().expect("layers"));
        assert_eq!(shared, same, "the application is the same");
        assert_ne!(own, other, "the configuration is not");

        stack.commit_all();
        let mut command = stack.command(&["--stack", "layered", "release", "--push"]);
        command.env("REGISTRY", "127.0.0.1:1");
        let refused = finish(command);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused
                .stderr
                .contains("its configuration layer may hold secrets"),
            "{}",
            refused.talk()
        );
        assert!(!stack.home().join("image-digests.json").exists());
    });
}
