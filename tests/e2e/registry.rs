//! A real registry with authentication, for scenarios that push.

use std::process::Command;

use serde_json::Value;

use crate::stage::{Run, Stage, finish};

const USER: &str = "wharf";
const PASSWORD: &str = "registry-password";
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json";

/// A registry with authentication, as a project of its own on the engine under test.
pub struct Registry<'s> {
    stage: &'s Stage,
    project: String,
    pub port: u16,
}

impl<'s> Registry<'s> {
    pub fn start(stage: &'s Stage) -> Registry<'s> {
        let project = format!("{}-reg", stage.project);
        let port = free_port();
        stage.write(
            "registry/docker-compose.yml",
            &format!(
                "services:
  registry:
    image: wharf-e2e-registry:latest
    build:
      context: .
      secrets: [ca_bundle]
    ports: ['127.0.0.1:{port}:5000']
    tmpfs: [/var/lib/registry]
    init: true
    healthcheck:
      test: [CMD, curl, -sf, -u, '{USER}:{PASSWORD}', 'http://127.0.0.1:5000/v2/']
      interval: 1s
      retries: 30
secrets:
  ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}
"
            ),
        );
        stage.write(
            "registry/config.yml",
            "version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5000'}
auth: {htpasswd: {realm: wharf, path: /htpasswd}}
",
        );
        stage.write(
            "registry/Dockerfile",
            &format!(
                "FROM debian:bookworm-slim
RUN --mount=type=secret,id=ca_bundle \\
    apt-get -o Acquire::https::CAInfo=/run/secrets/ca_bundle update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::https::CAInfo=/run/secrets/ca_bundle \\
        install --yes --no-install-recommends docker-registry apache2-utils curl \\
 && htpasswd -Bbn {USER} {PASSWORD} > /htpasswd
COPY config.yml /config.yml
CMD [\"docker-registry\", \"serve\", \"/config.yml\"]
"
            ),
        );
        let registry = Registry {
            stage,
            project,
            port,
        };
        let run = registry.wharf(&["up", "-d"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        registry
    }

    fn wharf(&self, arguments: &[&str]) -> Run {
        let named = [&["-p", self.project.as_str()], arguments].concat();
        let directory = self.stage.directory.path().join("registry");
        finish(self.stage.command_in(&directory, &named))
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:5000{path}");
        let credentials = format!("{USER}:{PASSWORD}");
        let run = self.wharf(&[
            "exec",
            "-T",
            "registry",
            "curl",
            "-s",
            "-u",
            &credentials,
            &url,
        ]);
        serde_json::from_str(&run.stdout).unwrap_or_default()
    }

    /// What is at a path of the registry's API, such as `/v2/app/blobs/sha256:..`, as it is.
    pub fn text(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:5000{path}");
        let credentials = format!("{USER}:{PASSWORD}");
        let accept = format!("Accept: {MANIFESTS}");
        let curl = ["exec", "-T", "registry", "curl", "-s", "-u", &credentials];
        self.wharf(&[&curl[..], &["-H", &accept, &url]].concat())
            .stdout
    }

    /// The manifest or index under a tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Value {
        let text = self.text(&format!("/v2/{repository}/manifests/{reference}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.get(&format!("/v2/{repository}/tags/list"));
        let tags = answer["tags"].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<String> = tags
            .iter()
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect();
        tags.sort();
        tags
    }

    /// The digest that a tag stands for; empty without such a tag.
    pub fn digest(&self, repository: &str, tag: &str) -> String {
        let url = format!("http://127.0.0.1:5000/v2/{repository}/manifests/{tag}");
        let credentials = format!("{USER}:{PASSWORD}");
        let accept = format!("Accept: {MANIFESTS}");
        let run = self.wharf(&[
            "exec",
            "-T",
            "registry",
            "curl",
            "-sI",
            "-u",
            &credentials,
            "-H",
            &accept,
            &url,
        ]);
        run.stdout
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("docker-content-digest:")
                    .map(|d| d.trim().to_owned())
            })
            .unwrap_or_default()
    }

    /// A directory for `DOCKER_CONFIG` with the credentials.
    pub fn login(&self) -> String {
        use std::io::Write;
        let mut encoding = Command::new("base64")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("base64");
        let pair = format!("{USER}:{PASSWORD}");
        let mut input = encoding.stdin.take().expect("its input");
        input.write_all(pair.as_bytes()).expect("the pair");
        drop(input);
        let output = encoding.wait_with_output().expect("its output");
        let auth = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        self.stage.write(
            "login/config.json",
            &format!(
                r#"{{"auths": {{"127.0.0.1:{}": {{"auth": "{auth}"}}}}}}"#,
                self.port
            ),
        );
        self.stage
            .directory
            .path()
            .join("login")
            .display()
            .to_string()
    }
}

impl Drop for Registry<'_> {
    fn drop(&mut self) {
        let _ = self.wharf(&["down", "--volumes", "--timeout", "0"]);
    }
}

/// A port that nobody on this machine holds; the engines' own networks are as good as empty.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
