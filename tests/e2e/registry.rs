//! Real registries, with authentication and without, for scenarios that push.

use std::process::Command;

use serde_json::Value;

use crate::stage::{Run, Stage, finish};

pub const USER: &str = "wharf";
pub const PASSWORD: &str = "registry-password";
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json";

/// A registry as a project of its own on the engine under test.
pub struct Registry<'s> {
    stage: &'s Stage,
    project: String,
    pub port: u16,
    /// `https`: with a certificate of its own.
    scheme: &'static str,
}

impl<'s> Registry<'s> {
    /// With authentication.
    pub fn start(stage: &'s Stage) -> Registry<'s> {
        let guarded = "auth: {htpasswd: {realm: wharf, path: /htpasswd}}\n";
        Registry::with(stage, "reg", guarded, "http")
    }

    /// As [`Registry::start`], with TLS; [`Registry::authority`] has signed its certificate.
    pub fn start_secured(stage: &'s Stage) -> Registry<'s> {
        let guarded = "auth: {htpasswd: {realm: wharf, path: /htpasswd}}\n";
        Registry::with(stage, "tls", guarded, "https")
    }

    /// Beside it, one that asks nobody who they are.
    pub fn start_open(stage: &'s Stage) -> Registry<'s> {
        Registry::with(stage, "open", "", "http")
    }

    fn with(stage: &'s Stage, name: &str, access: &str, scheme: &'static str) -> Registry<'s> {
        let project = format!("{}-{name}", stage.project);
        let port = free_port();
        stage.write(
            &format!("{project}/docker-compose.yml"),
            &format!(
                "services:
  registry:
    image: wharf-e2e-registry-{name}:latest
    build:
      context: .
      secrets: [ca_bundle]
    ports: ['127.0.0.1:{port}:5000']
    tmpfs: [/var/lib/registry]
    init: true
    healthcheck:
      test: [CMD, curl, -skf, -u, '{USER}:{PASSWORD}', '{scheme}://127.0.0.1:5000/v2/']
      interval: 1s
      retries: 30
secrets:
  ca_bundle: {{file: /etc/ssl/certs/ca-certificates.crt}}
"
            ),
        );
        let tls = match scheme {
            "https" => ", tls: {certificate: /server.pem, key: /server-key.pem}",
            _ => "",
        };
        stage.write(
            &format!("{project}/config.yml"),
            &format!(
                "version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/registry}}}}
http: {{addr: ':5000'{tls}}}
{access}"
            ),
        );
        if scheme == "https" {
            certify(&stage.directory.path().join(&project));
        }
        stage.write(
            &format!("{project}/Dockerfile"),
            &format!(
                "FROM debian:bookworm-slim
RUN --mount=type=secret,id=ca_bundle \\
    apt-get -o Acquire::https::CAInfo=/run/secrets/ca_bundle update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::https::CAInfo=/run/secrets/ca_bundle \\
        install --yes --no-install-recommends docker-registry apache2-utils curl \\
 && htpasswd -Bbn {USER} {PASSWORD} > /htpasswd
COPY config.yml *.pem /
CMD [\"docker-registry\", \"serve\", \"/config.yml\"]
"
            ),
        );
        let registry = Registry {
            stage,
            project,
            port,
            scheme,
        };
        let run = registry.wharf(&["up", "-d"]);
        assert_eq!(run.code, 0, "{}", run.talk());
        registry
    }

    fn wharf(&self, arguments: &[&str]) -> Run {
        let named = [&["-p", self.project.as_str()], arguments].concat();
        let directory = self.stage.directory.path().join(&self.project);
        finish(self.stage.command_in(&directory, &named))
    }

    /// The file with the authority that has signed its certificate.
    pub fn authority(&self) -> String {
        let directory = self.stage.directory.path().join(&self.project);
        directory.join("ca.pem").display().to_string()
    }

    /// An address as seen from inside its container.
    fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:5000{path}", self.scheme)
    }

    /// What its repositories begin with.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Nobody answers from now on.
    pub fn stop(&self) {
        let run = self.wharf(&["stop", "--timeout", "0"]);
        assert_eq!(run.code, 0, "{}", run.talk());
    }

    /// Answers again, and has nothing any more.
    pub fn start_again(&self) {
        let run = self.wharf(&["up", "-d"]);
        assert_eq!(run.code, 0, "{}", run.talk());
    }

    fn get(&self, path: &str) -> Value {
        let url = self.url(path);
        let credentials = format!("{USER}:{PASSWORD}");
        let run = self.wharf(&[
            "exec",
            "-T",
            "registry",
            "curl",
            "-sk",
            "-u",
            &credentials,
            &url,
        ]);
        serde_json::from_str(&run.stdout).unwrap_or_default()
    }

    /// What is at a path of the registry's API, such as `/v2/app/blobs/sha256:..`, as it is.
    pub fn text(&self, path: &str) -> String {
        let url = self.url(path);
        let credentials = format!("{USER}:{PASSWORD}");
        let accept = format!("Accept: {MANIFESTS}");
        let curl = ["exec", "-T", "registry", "curl", "-sk", "-u", &credentials];
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
        let url = self.url(&format!("/v2/{repository}/manifests/{tag}"));
        let credentials = format!("{USER}:{PASSWORD}");
        let accept = format!("Accept: {MANIFESTS}");
        let run = self.wharf(&[
            "exec",
            "-T",
            "registry",
            "curl",
            "-skI",
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

/// An authority, and a certificate of it for this machine.
fn certify(directory: &std::path::Path) {
    let script = r#"
        set -e
        pair() {
          name=$1
          shift
          openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name-key.pem" "$@"
        }
        pair ca -x509 -days 2 -out ca.pem
        pair server -out server.csr
        echo subjectAltName=IP:127.0.0.1 > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile server.ext -out server.pem
    "#;
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
}

/// A port that nobody on this machine holds; the engines' own networks are as good as empty.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
