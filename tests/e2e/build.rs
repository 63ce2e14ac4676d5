//! Images are built by real engines.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use wharf::build::{
    BuildEvent, BuildFailure, BuildOptions, BuildReason, BuildRequest, BuildRun, Builder, Context,
    DockerfileText, FailureCause, IgnoreText, ImageGraph, ImageOutcome, LABEL, SecretSource,
};
use wharf::engine::docker::buildkit::BuildKit;
use wharf::load::{Environment, Host};
use wharf::model::Project;

/// One engine to build on, and a place for files that goes with the test.
struct Bench {
    engine: String,
    socket: PathBuf,
    builder: BuildKit,
    directory: tempfile::TempDir,
    /// Starts the names of all images of the test.
    prefix: String,
}

/// Runs a scenario on every engine that `WHARF_E2E_ENGINES` names: `bookworm=unix:///path,trixie=unix:///path`.
async fn on_every_engine<F, S>(scenario: &str, run: S)
where
    S: Fn(Arc<Bench>) -> F,
    F: Future<Output = ()>,
{
    for (engine, address) in crate::stage::engines() {
        let socket = address
            .strip_prefix("unix://")
            .expect("an engine listens on `unix://`");
        let mut environment = Environment::default();
        environment
            .variables
            .insert("DOCKER_HOST".to_owned(), address.clone());
        let docker = wharf::engine::docker::connect(&environment, None)
            .await
            .expect("the engine answers");
        let bench = Arc::new(Bench {
            engine: engine.to_owned(),
            socket: socket.into(),
            builder: docker.builder(&environment),
            directory: tempfile::tempdir().expect("a directory"),
            prefix: format!("bld-{scenario}-{}", std::process::id()),
        });
        println!("{scenario} on {engine}");
        run(Arc::clone(&bench)).await;
        bench.clean();
    }
}

impl Bench {
    fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }

    fn docker(&self, arguments: &[&str]) -> String {
        let run = || {
            Command::new("docker")
                .arg("--host")
                .arg(format!("unix://{}", self.socket.display()))
                .args(arguments)
                .env("DOCKER_BUILDKIT", "0")
                .output()
                .expect("the docker client is there")
        };
        let mut output = run();
        // The old builder loses the image between two steps when another test has it made and removed at that moment.
        for _ in 0..3 {
            if !String::from_utf8_lossy(&output.stderr).contains("unable to find image") {
                break;
            }
            output = run();
        }
        assert!(
            output.status.success(),
            "docker {arguments:?} on {}: {}",
            self.engine,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn clean(&self) {
        let pattern = format!("{}*", self.prefix);
        let names = self.docker(&[
            "image",
            "ls",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            &pattern,
        ]);
        for name in names.lines() {
            self.docker(&["image", "rm", name]);
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn request(&self, name: &str, dockerfile: &str) -> BuildRequest {
        BuildRequest {
            image: name.to_owned(),
            names: vec![self.name(name)],
            dockerfile: DockerfileText {
                shown_as: "Dockerfile".to_owned(),
                text: dockerfile.to_owned(),
                ignore: None,
            },
            ..BuildRequest::default()
        }
    }

    async fn build(
        &self,
        request: &BuildRequest,
    ) -> (Result<String, BuildFailure>, Vec<BuildEvent>) {
        let (events, mut incoming) = mpsc::channel(16);
        let collect = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(event) = incoming.recv().await {
                seen.push(event);
            }
            seen
        });
        let built = self.builder.build(request, &events).await;
        drop(events);
        (
            built.map(|built| built.id),
            collect.await.expect("the events"),
        )
    }

    async fn run_graph(&self, services: Value, wanted: &[&str]) -> IndexMap<String, ImageOutcome> {
        let mut project: Project =
            serde_json::from_value(json!({"name": self.prefix, "services": services}))
                .expect("a project");
        project.directory = self.directory.path().to_path_buf();
        let graph = ImageGraph::of(&project, &Host).expect("no cycle");
        let environment = Environment::default();
        let run = BuildRun {
            graph: &graph,
            project: &project,
            environment: &environment,
            builder: &self.builder,
            options: BuildOptions {
                cache: Some(self.path("cache")),
                ..BuildOptions::default()
            },
        };
        let wanted: Vec<String> = wanted.iter().map(|key| (*key).to_owned()).collect();
        let (events, mut incoming) = mpsc::channel(16);
        tokio::spawn(async move { while incoming.recv().await.is_some() {} });
        run.run(&wanted, &events).await
    }

    /// Paths below `/context` in an image, but for what a build itself needs.
    fn files(&self, image: &str) -> Vec<String> {
        let container = self.docker(&["create", image, "nothing"]);
        let list = format!(
            "docker --host unix://{0} export {1} | tar t; docker --host unix://{0} rm {1} > /dev/null",
            self.socket.display(),
            container.trim(),
        );
        let output = Command::new("sh")
            .args(["-c", &list])
            .output()
            .expect("a list");
        let mut files: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.strip_prefix("context/"))
            .filter(|file| !matches!(*file, "" | "Dockerfile" | ".dockerignore"))
            .map(str::to_owned)
            .collect();
        files.sort();
        files
    }

    fn run_container(&self, image: &str, command: &str) -> String {
        self.docker(&[
            "run",
            "--rm",
            "--network",
            "none",
            image,
            "sh",
            "-c",
            command,
        ])
    }
}

fn reason(outcome: &ImageOutcome) -> String {
    match outcome {
        ImageOutcome::Built { reason, .. } => reason.to_string(),
        other => panic!("not built: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_rebuilds_only_what_holds_it() {
    on_every_engine("graph", |bench| async move {
        bench.write("base/Dockerfile", "FROM debian:bookworm-slim\nARG UID\nRUN echo $UID > /uid\n");
        bench.write("app/Dockerfile", &format!("FROM {}\nCOPY src /src\n", bench.name("base")));
        bench.write("app/src/main", "one");
        bench.write("app/README", "not copied");
        bench.write("tool/Dockerfile", &format!("FROM scratch\nCOPY --from={} /uid /uid\n", bench.name("base")));
        let services = || {
            json!({
                "app": {"build": {"context": bench.path("app"), "tags": [bench.name("extra:1")]}},
                "base": {"build": {"context": bench.path("base"), "args": {"UID": "1234"}}, "entrypoint": ["/bin/true"]},
                "tool": {"build": {"context": bench.path("tool")}},
            })
        };
        let all = ["app", "tool"];
        let first = bench.run_graph(services(), &all).await;
        assert_eq!(first.len(), 3);
        for (key, outcome) in &first {
            let id = outcome.id().unwrap_or_else(|| panic!("{key}: {outcome:?}"));
            let stored = bench.docker(&["image", "inspect", "--format", "{{.Id}}", &bench.name(key)]);
            assert_eq!(stored.trim(), id, "{key}");
        }
        assert_eq!(bench.run_container(&bench.name("extra:1"), "cat /uid /src/main"), "1234\none");

        bench.docker(&["image", "rm", &bench.name("extra:1")]);
        bench.write("app/README", "changed, but not copied");
        let started = Instant::now();
        let second = bench.run_graph(services(), &all).await;
        println!("  nothing to do: {:?}", started.elapsed());
        for (key, outcome) in &second {
            let id = first[key].id().expect("built before").to_owned();
            assert_eq!(*outcome, ImageOutcome::Unchanged { id }, "{key}");
        }
        bench.docker(&["image", "inspect", &bench.name("extra:1")]);

        bench.write("app/src/main", "two");
        let third = bench.run_graph(services(), &all).await;
        assert_eq!(reason(&third["app"]), "`src/main` changed");
        assert!(matches!(third["base"], ImageOutcome::Unchanged { .. }));
        assert!(matches!(third["tool"], ImageOutcome::Unchanged { .. }));
        assert_eq!(bench.run_container(&bench.name("app"), "cat /src/main"), "two");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_step_shows_its_lines_its_output_and_its_code() {
    on_every_engine("failure", |bench| async move {
        let request = bench.request(
            "broken",
            "FROM debian:bookworm-slim AS one\nENV A=b\nRUN echo fine\n\nFROM one\nRUN echo first; \\\n    # why\n    echo last; exit 42\n",
        );
        let (built, events) = bench.build(&request).await;
        let failure = built.expect_err("the step fails");
        assert_eq!(failure.cause, FailureCause::Command { exit_code: 42 }, "{failure:?}");
        assert_eq!(failure.last_output, ["first", "last"]);
        let excerpt = failure.excerpt.expect("an excerpt");
        assert_eq!(excerpt.lines, (6, 8));
        assert_eq!(excerpt.instruction.as_deref(), Some("RUN"));
        assert!(events.iter().any(|event| matches!(event, BuildEvent::StepFailed { name, .. } if name.contains("exit 42"))));

        bench.write("context/kept", "x");
        bench.write("context/left.out", "x");
        let mut request = bench.request("missing", "FROM debian:bookworm-slim\nCOPY left.out /x\n");
        request.context = Context::Directory(bench.path("context"));
        request.dockerfile.ignore = Some(IgnoreText {
            shown_as: ".dockerignore".to_owned(),
            text: "# logs\n*.out\n".to_owned(),
        });
        let failure = bench.build(&request).await.0.expect_err("the file is ignored");
        assert_eq!(failure.excerpt.map(|excerpt| excerpt.lines), Some((2, 2)));
        assert!(failure.hints[0].contains("`*.out` in line 2 of `.dockerignore`"), "{:?}", failure.hints);

        let request = bench.request("base", "FROM nobody.invalid/nothing:1\nRUN true\n");
        let failure = bench.build(&request).await.0.expect_err("there is no such image");
        assert_eq!(failure.excerpt.map(|excerpt| excerpt.lines), Some((1, 1)));
        assert!(failure.hints[0].contains("`nobody.invalid/nothing:1`"), "{:?}", failure.hints);

        // A program for MIPS, as far as it is looked at.
        bench.write("context/other", &format!("\x7fELF\x02\x01\x01{}\x02\0\x08\0\x01\0\0\0{}", "\0".repeat(9), "\0".repeat(96)));
        for (name, lines, hint) in [
            ("mirror", "RUN rm -rf /etc/apt/sources.list.d && echo 'deb http://mirror.invalid/d x main' >/etc/apt/sources.list && apt-get update -o Acquire::Retries=0 && apt-get install -y nothing", "package mirror"),
            ("space", "RUN dd if=/dev/zero of=/dev/full bs=1k count=1", "disk is full"),
            ("machine", "COPY other /other\nRUN chmod 755 /other; /other", "processor architecture"),
            ("source", "COPY --from=nobody.invalid/nothing:1 /a /b", "`nobody.invalid/nothing:1` is not on this engine"),
            ("absent", "COPY nothing /x", "there is no `nothing` in the build context"),
        ] {
            let mut request = bench.request(name, &format!("FROM debian:bookworm-slim\n{lines}\n"));
            request.context = Context::Directory(bench.path("context"));
            let failure = bench.build(&request).await.0.expect_err(name);
            let last = u32::try_from(lines.lines().count() + 1).expect("a line");
            assert_eq!(failure.excerpt.map(|excerpt| excerpt.lines), Some((last, last)), "{name}");
            assert!(failure.hints.iter().any(|one| one.contains(hint)), "{name}: {:?} {:?}", failure.hints, failure.last_output);
        }

        let request = bench.request("syntax", "FROM debian:bookworm-slim\nRUN true\nCOPY one-word\n");
        let failure = bench.build(&request).await.0.expect_err("not a Dockerfile");
        assert_eq!(failure.excerpt.map(|excerpt| excerpt.lines), Some((3, 3)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_line_needs_no_registry() {
    on_every_engine("syntax", |bench| async move {
        let request = bench.request(
            "syntax",
            "# syntax=docker/dockerfile:1.4\nFROM debian:bookworm-slim\nRUN --mount=type=cache,target=/c touch /c/x\n",
        );
        bench.build(&request).await.0.expect("the engine's own frontend is used");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_the_step_and_nothing_else() {
    on_every_engine("secret", |bench| async move {
        let value = "correct-horse-battery";
        bench.write("token", value);
        bench.write("context/file", "x");
        // Younger files are not remembered.
        tokio::time::sleep(Duration::from_millis(2100)).await;
        bench.write("context/Dockerfile", "FROM debian:bookworm-slim\nCOPY file /file\nRUN --mount=type=secret,id=file --mount=type=secret,id=env sh -c 'cat /run/secrets/file /run/secrets/env | sha256sum > /sum'\n");
        let mut project: Project = serde_json::from_value(json!({
            "name": bench.prefix,
            "services": {"app": {"build": {"context": bench.path("context"), "secrets": [{"source": "file"}, {"source": "env"}]}}},
            "secrets": {"file": {"file": bench.path("token")}, "env": {"environment": "TOKEN"}},
        }))
        .expect("a project");
        project.directory = bench.directory.path().to_path_buf();
        let graph = ImageGraph::of(&project, &Host).expect("no cycle");
        project.secrets["env"].value = Some(value.into());
        let environment = Environment::default();
        let run = BuildRun {
            graph: &graph,
            project: &project,
            environment: &environment,
            builder: &bench.builder,
            options: BuildOptions { cache: Some(bench.path("cache")), ..BuildOptions::default() },
        };
        let (events, mut incoming) = mpsc::channel(1000);
        let outcomes = run.run(&["app".to_owned()], &events).await;
        drop(events);
        assert!(outcomes["app"].id().is_some(), "{outcomes:?}");
        let mut everything = String::new();
        while let Some(event) = incoming.recv().await {
            everything.push_str(&format!("{event:?}\n"));
        }
        let image = bench.name("app");
        everything.push_str(&bench.docker(&["image", "history", "--no-trunc", &image]));
        everything.push_str(&bench.docker(&["image", "inspect", &image]));
        everything.push_str(&format!("{graph:?}{outcomes:?}"));
        for entry in std::fs::read_dir(bench.path("cache")).expect("the cache") {
            everything.push_str(&std::fs::read_to_string(entry.expect("an entry").path()).expect("text"));
        }
        assert!(everything.contains(LABEL));
        assert!(!everything.contains(value), "a secret got out");
        let expected = Command::new("sh").args(["-c", &format!("printf %s {value}{value} | sha256sum")]).output().expect("sha256sum");
        assert_eq!(bench.run_container(&image, "cat /sum"), String::from_utf8_lossy(&expected.stdout));

        let mut request = bench.request("missing", "FROM debian:bookworm-slim\nRUN --mount=type=secret,id=nope,required true\n");
        request.secrets.insert("other".to_owned(), SecretSource::Value(b"x".to_vec()));
        bench.build(&request).await.0.expect_err("the secret is required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_agent_is_reached_from_a_step() {
    on_every_engine("ssh", |bench| async move {
        let socket = bench.path("agent");
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 4];
                if stream.read_exact(&mut question).await.is_ok() && &question == b"ping" {
                    let _ = stream.write_all(b"pong").await;
                }
            }
        });
        let mut request = bench.request(
            "agent",
            "FROM debian:bookworm-slim\nRUN --mount=type=ssh perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ENV{SSH_AUTH_SOCK})) or die $!; syswrite S, \"ping\"; sysread S, $x, 4; print \"got $x\\n\"'\n",
        );
        request.ssh.insert("default".to_owned(), vec![socket]);
        request.no_cache = true;
        let (built, events) = bench.build(&request).await;
        built.expect("the agent answers");
        assert!(events.iter().any(|event| matches!(event, BuildEvent::Output { line, .. } if line == "got pong")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_contexts_give_the_same_on_every_engine() {
    on_every_engine("contexts", |bench| async move {
        bench.write("base/Dockerfile", "FROM debian:bookworm-slim\nRUN echo base > /from-base\n");
        bench.write("files/wanted", "wanted");
        bench.write("files/deep/er", "deeper");
        bench.write("app/Dockerfile", "FROM company-base AS one\nCOPY --from=files wanted /wanted\nRUN --mount=type=bind,from=files,target=/mnt cp /mnt/deep/er /deeper\nFROM one\nRUN cat /from-base /wanted /deeper > /all\n");
        let services = || json!({
            "app": {"build": {"context": bench.path("app"), "additional_contexts": {"files": bench.path("files")},
                "x-bake": {"contexts": {"company-base": "target:base"}}}},
            "base": {"build": {"context": bench.path("base")}},
        });
        let outcomes = bench.run_graph(services(), &["app"]).await;
        assert!(outcomes["app"].id().is_some(), "{:?}", outcomes["app"]);
        assert_eq!(bench.run_container(&bench.name("app"), "cat /all"), "base\nwanteddeeper");
        let again = bench.run_graph(services(), &["app"]).await;
        assert!(matches!(again["app"], ImageOutcome::Unchanged { .. }), "{again:?}");
        bench.write("files/wanted", "other");
        let changed = bench.run_graph(services(), &["app"]).await;
        assert_eq!(reason(&changed["app"]), "`files:wanted` changed");
        // Names of stand-ins are taken away in the background.
        let mut left = String::new();
        for _ in 0..50 {
            let own = "label=wharf.build.stand-in=files";
            left = bench.docker(&["image", "ls", "--quiet", "--filter", own, "wharf-context"]);
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(left, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_build_leaves_nothing() {
    on_every_engine("cancel", |bench| async move {
        // The engine's processes are seen by the number of seconds.
        let seconds = 100_000 + std::process::id();
        let mut request = bench.request(
            "slow",
            &format!("FROM debian:bookworm-slim\nRUN sleep {seconds}\n"),
        );
        request
            .labels
            .insert("wharf.e2e".to_owned(), bench.name("slow"));
        let sleeping = || {
            let wanted = format!("sleep\0{seconds}\0").into_bytes();
            std::fs::read_dir("/proc")
                .expect("/proc")
                .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
                .any(|command| command == wanted)
        };
        let (events, mut incoming) = mpsc::channel(16);
        tokio::spawn(async move { while incoming.recv().await.is_some() {} });
        let build = bench.builder.build(&request, &events);
        tokio::select! {
            built = build => panic!("the build ends: {built:?}"),
            () = eventually(sleeping) => {}
        }
        eventually(|| !sleeping()).await;
        let own = format!("label=wharf.e2e={}", bench.name("slow"));
        let made = bench.docker(&["image", "ls", "--all", "--quiet", "--filter", &own]);
        assert_eq!(made, "");
    })
    .await;
}

async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never comes true");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_builds_of_one_tree_give_one_image() {
    on_every_engine("eight", |bench| async move {
        bench.write(
            "base/Dockerfile",
            "FROM debian:bookworm-slim\nRUN head -c 8 /dev/urandom > /random\n",
        );
        bench.write(
            "app/Dockerfile",
            &format!("FROM {}\nCOPY file /file\n", bench.name("base")),
        );
        bench.write("app/file", "x");
        let services = || {
            json!({
                "app": {"build": {"context": bench.path("app")}},
                "base": {"build": {"context": bench.path("base")}},
            })
        };
        let runs = (0..8).map(|_| bench.run_graph(services(), &["app"]));
        let all = futures_util::future::join_all(runs).await;
        let ids: std::collections::BTreeSet<Vec<Option<&str>>> = all
            .iter()
            .map(|outcomes| outcomes.values().map(ImageOutcome::id).collect())
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert!(ids.iter().flatten().all(Option::is_some), "{ids:?}");
    })
    .await;
}

/// Ignore rules put together by chance, the same for the same seed.
fn random_rules(seed: u64) -> String {
    let mut state = seed;
    let mut next = |among: &[&'static str]| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        among[(state >> 33) as usize % among.len()]
    };
    let names = [
        "src", "sub", "deep", "*", "**", "a.rs", "*.rs", "*.log", "x.*", "?ub", "[a-l]*",
        "keep.log",
    ];
    (0..5)
        .map(|_| {
            let mut line = next(&["", "", "!", "/"]).to_owned();
            line.push_str(next(&names));
            for _ in 0..2 {
                if !next(&["", "/"]).is_empty() {
                    line.push('/');
                    line.push_str(next(&names));
                }
            }
            line + "\n"
        })
        .collect()
}

/// The docker client's own builder filters the context with moby's matcher; wharf has to leave out the same files.
#[tokio::test(flavor = "multi_thread")]
async fn ignore_files_mean_what_they_mean_to_docker() {
    let rules = [
        "*.log\n!keep.log",
        "**/*.log\n!sub/keep.log",
        "*\n!src\nsrc/**/*.tmp",
        "/top\n./sub/../other/",
        "src\n!src/deep/a.rs",
        "**/deep\n!src/deep/a.rs",
        "*/a*\n?op",
        "[k-s]*\n!src/[ab].rs",
        "# comment\n\n  spaced.txt  \n!\\!bang",
        "src/**\n!src/deep/**\nsrc/deep/x.tmp",
        "**a.rs\nsub**",
        "*.tmp\n*/*.tmp\n!src/x.tmp",
    ];
    let files = [
        "top",
        "keep.log",
        "drop.log",
        "spaced.txt",
        "!bang",
        "a.rs",
        "sub/keep.log",
        "sub/b.log",
        "other/x",
        "src/a.rs",
        "src/b.rs",
        "src/x.tmp",
        "src/deep/a.rs",
        "src/deep/x.tmp",
        "src/deep/er/b.rs",
        "lib/x",
    ];
    let rules: Vec<String> = rules
        .iter()
        .map(|rules| (*rules).to_owned())
        .chain((1..=6).map(random_rules))
        .collect();
    let rules = &rules;
    on_every_engine("ignore", |bench| async move {
        for (at, rules) in rules.iter().enumerate() {
            let context = format!("{at}");
            for file in files {
                bench.write(&format!("{context}/{file}"), file);
            }
            let dockerfile = "FROM scratch\nCOPY . /context/\n";
            bench.write(&format!("{context}/Dockerfile"), dockerfile);
            bench.write(&format!("{context}/.dockerignore"), rules);
            let theirs = bench.name(&format!("theirs:{at}"));
            bench.docker(&[
                "build",
                "--quiet",
                "--tag",
                &theirs,
                &bench.path(&context).display().to_string(),
            ]);
            let mut request = bench.request(&format!("ours:{at}"), dockerfile);
            request.context = Context::Directory(bench.path(&context));
            request.dockerfile.ignore = Some(IgnoreText {
                shown_as: ".dockerignore".to_owned(),
                text: rules.clone(),
            });
            bench.build(&request).await.0.expect("a build");
            let theirs = bench.files(&theirs);
            let ours = bench.files(&bench.name(&format!("ours:{at}")));
            assert_eq!(ours, theirs, "{rules:?} on {}", bench.engine);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_as_they_are() {
    on_every_engine("files", |bench| async move {
        bench.write("context/plain", "plain");
        bench.write("context/dir/tool", "#!/bin/sh\n");
        bench.write("context/ünïcode name", "u");
        let root = bench.path("context");
        let set = |path: &Path, mode| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        };
        set(&root.join("dir/tool"), 0o4755);
        set(&root.join("plain"), 0o640);
        std::os::unix::fs::symlink("dir/tool", root.join("link")).expect("a link");
        std::fs::hard_link(root.join("plain"), root.join("second")).expect("a hard link");
        let big = vec![7u8; 3_000_000];
        std::fs::write(root.join("big"), &big).expect("a file");
        let mut request = bench.request(
            "files",
            "FROM debian:bookworm-slim\nCOPY . /c\nRUN cd /c && stat -c '%n %a %U %s' dir/tool plain second big && readlink link && cat 'ünïcode name' && sha256sum < big\n",
        );
        request.context = Context::Directory(root);
        request.no_cache = true;
        let (built, events) = bench.build(&request).await;
        built.expect("a build");
        let lines: Vec<String> = events
            .into_iter()
            .filter_map(|event| match event {
                BuildEvent::Output { line, .. } => Some(line),
                _ => None,
            })
            .collect();
        use sha2::Digest;
        let sum: String = sha2::Sha256::digest(&big).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            lines,
            [
                "dir/tool 4755 root 10".to_owned(),
                "plain 640 root 5".to_owned(),
                "second 640 root 5".to_owned(),
                "big 644 root 3000000".to_owned(),
                "dir/tool".to_owned(),
                format!("u{sum}  -"),
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_inputs_stand_on_the_image() {
    on_every_engine("labels", |bench| async move {
        bench.write("app/Dockerfile", "FROM debian:bookworm-slim\nLABEL own=1\n");
        let services =
            json!({"app": {"build": {"context": bench.path("app"), "labels": {"a.b": "c"}}}});
        let outcomes = bench.run_graph(services, &["app"]).await;
        assert!(
            matches!(
                &outcomes["app"],
                ImageOutcome::Built {
                    reason: BuildReason::Missing,
                    ..
                }
            ),
            "{outcomes:?}"
        );
        let stored = bench
            .builder
            .find(&bench.name("app"))
            .await
            .expect("an answer")
            .expect("an image");
        assert_eq!(stored.labels["a.b"], "c");
        assert_eq!(stored.labels["own"], "1");
        assert!(wharf::build::Inputs::from_label(&stored.labels[LABEL]).is_some());
    })
    .await;
}
