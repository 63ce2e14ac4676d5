//! Files from OCI artifacts, by a registry that only knows what the test gives it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wharf::publish::{Artifact, Layer, OciVersion};

use crate::stage::{Outcome, wharf};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What is at a path.
type Answers = Arc<Mutex<HashMap<String, Vec<u8>>>>;

struct Registry {
    port: u16,
    answers: Answers,
}

impl Registry {
    fn start() -> Registry {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let answers = Answers::default();
        answers
            .lock()
            .expect("the answers")
            .insert("/v2/".into(), b"{}".to_vec());
        let known = answers.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let _ = answer(connection, &known);
            }
        });
        Registry { port, answers }
    }

    fn put(&self, path: &str, content: &[u8]) {
        let mut answers = self.answers.lock().expect("the answers");
        answers.insert(format!("/v2/team/app/{path}"), content.to_vec());
    }

    /// What the artifact under tag `1` has.
    fn publish(&self, layers: &[Layer]) -> String {
        let artifact = Artifact::new(layers, OciVersion::V1_1, "2026-01-02T03:04:05Z");
        for blob in &artifact.blobs {
            self.put(&format!("blobs/{}", blob.digest), &blob.content);
        }
        let digest = artifact.descriptor().digest;
        self.put("manifests/1", &artifact.manifest);
        self.put(&format!("manifests/{digest}"), &artifact.manifest);
        digest
    }

    fn forget(&self) {
        self.answers.lock().expect("the answers").clear();
    }

    fn reference(&self) -> String {
        format!("oci://127.0.0.1:{}/team/app", self.port)
    }
}

fn answer(mut connection: TcpStream, known: &Answers) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let asked = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let found = known.lock().expect("the answers").get(path).cloned();
    let status = if found.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let content = found.unwrap_or_default();
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: {MANIFEST}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    connection.write_all(&content)
}

fn layers() -> [Layer; 4] {
    [
        Layer::compose_file(
            "compose.yml",
            "services:\n  app:\n    image: app:${TAG:-1}\n    env_file: cd.env\n    extends: {file: ab.yaml, service: common}\n",
        ),
        Layer::extended_file("ab.yaml", "services: {common: {init: true}}\n"),
        Layer::env_file("cd.env", "FROM_FILE=yes\n"),
        Layer::compose_file("compose.yml", "services: {app: {command: [late]}}"),
    ]
}

fn called(reference: &str, words: &[&str], cache: &str) -> Outcome {
    wharf()
        .env("XDG_CACHE_HOME", cache)
        .args([&["-f", reference], words].concat())
        .run()
}

fn config(reference: &str, cache: &str) -> Outcome {
    called(reference, &["config", "--format", "json"], cache)
}

fn json_of(outcome: Outcome) -> Value {
    serde_json::from_str(&outcome.succeeds()).expect("JSON")
}

#[test]
fn layers_of_an_artifact_are_laid_over_each_other_and_find_its_files() {
    let registry = Registry::start();
    let digest = registry.publish(&layers());
    let cache = tempfile::tempdir().expect("a directory");
    let cache = cache.path().to_str().expect("UTF-8");
    let reference = format!("{}:1", registry.reference());
    let first = config(&reference, cache);
    let told = format!("fetched {reference}, {}\n", &digest[..19]);
    assert_eq!(first.stderr, told);
    let app = json_of(first)["services"]["app"].clone();
    assert_eq!(app["image"], "app:1");
    assert_eq!(app["environment"]["FROM_FILE"], "yes");
    assert_eq!(app["init"], true);
    assert_eq!(app["command"][0], "late");
    let of_layers = called(&reference, &["config", "--explain-layers"], cache).succeeds();
    assert_eq!(
        of_layers,
        format!(
            "{reference}/compose.yml: fetched by `-f`\n{reference}/2-compose.yml: fetched by `-f`\n"
        )
    );
    let origin = called(&reference, &["explain", "services.app.command"], cache).succeeds();
    assert!(
        origin.contains(&format!("{reference}/2-compose.yml:1:")),
        "{origin}"
    );

    let text = format!(
        "name: mine\ninclude: ['{reference}']\nservices:\n  own: {{image: own, extends: {{file: '{reference}', service: app}}}}\n"
    );
    let services = wharf()
        .file("compose.yml", &text)
        .args(["config", "--format", "json"])
        .run();
    let services = json_of(services)["services"].clone();
    for service in ["app", "own"] {
        assert_eq!(services[service]["command"][0], "late", "{service}");
        assert_eq!(
            services[service]["environment"]["FROM_FILE"], "yes",
            "{service}"
        );
    }

    // What is named by its digest is asked for once.
    registry.forget();
    let pinned = format!("{}@{digest}", registry.reference());
    assert_eq!(config(&pinned, cache).code, 0);
    let said = config(&reference, cache).fails(3);
    assert!(
        said.contains("404") && said.contains("correct the name"),
        "{said}"
    );
}

#[test]
fn an_artifact_writes_nowhere_but_into_its_copy() {
    let registry = Registry::start();
    let cache = tempfile::tempdir().expect("a directory");
    let place = cache.path().join("cache");
    let place = place.to_str().expect("UTF-8");
    let compose = Layer::compose_file("compose.yml", "services: {app: {image: x}}\n");
    for name in [
        "../../../../../escaped.env",
        "/tmp/escaped.env",
        "a/b.env",
        "..",
    ] {
        registry.publish(&[compose.clone(), Layer::env_file(name, "A=1\n")]);
        let said = config(&format!("{}:1", registry.reference()), place).fails(3);
        assert!(
            said.contains("remote-unusable") && said.contains("without directories"),
            "{said}"
        );
    }
    let left = std::fs::read_dir(cache.path()).expect("the directory");
    assert_eq!(left.count(), 0);
}

#[test]
fn what_is_not_what_its_digest_says_is_refused() {
    let registry = Registry::start();
    let digest = registry.publish(&layers());
    let cache = tempfile::tempdir().expect("a directory");
    let cache = cache.path().to_str().expect("UTF-8");
    let manifest: Value = {
        let answers = registry.answers.lock().expect("the answers");
        serde_json::from_slice(&answers["/v2/team/app/manifests/1"]).expect("JSON")
    };
    let env_file = manifest["layers"][2]["digest"].as_str().expect("a digest");
    registry.put(&format!("blobs/{env_file}"), b"FROM_FILE=no_\n");
    let said = config(&format!("{}:1", registry.reference()), cache).fails(3);
    assert!(said.contains(&format!("is not `{env_file}`")), "{said}");
    registry.put(&format!("blobs/{env_file}"), &[b'A'; 10_000]);
    assert_eq!(
        config(&format!("{}:1", registry.reference()), cache).code,
        3
    );
    registry.put(&format!("manifests/{digest}"), b"{}");
    let said = config(&format!("{}@{digest}", registry.reference()), cache).fails(3);
    assert!(said.contains("another manifest"), "{said}");
    // Nothing of it is kept, and what is right later is taken.
    registry.publish(&layers());
    assert_eq!(
        config(&format!("{}:1", registry.reference()), cache).code,
        0
    );
}

#[test]
fn an_image_is_no_project() {
    let registry = Registry::start();
    let image = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": "x"}, "layers": []});
    registry.put("manifests/1", image.to_string().as_bytes());
    let cache = tempfile::tempdir().expect("a directory");
    let cache = cache.path().to_str().expect("UTF-8");
    let said = config(&format!("{}:1", registry.reference()), cache).fails(3);
    assert!(said.contains("is no Compose project"), "{said}");
}

#[test]
fn nothing_is_asked_of_registries_that_the_command_line_does_not_reach() {
    let said = called(
        "oci://127.0.0.1:1/team/app",
        &["publish", "Bad//Name"],
        "/nowhere",
    )
    .fails(2);
    assert!(said.contains("names no repository"), "{said}");
}
