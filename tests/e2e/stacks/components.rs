use std::collections::BTreeSet;

use serde_json::Value;

use super::{Stack, suites_are_green};
use crate::stage::{Run, finish, on_each_engine};

const COMPONENTS: [&str; 3] = ["operate-ui", "runtime", "engine"];
/// What a registry may call an image by.
const ACCEPT: &str = "Accept: application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// Three services answer, to each other and to a browser.
#[test]
fn components_are_green() {
    suites_are_green(
        "components",
        &[
            "test_every_component_says_how_it_is",
            "test_a_job_that_is_typed_in_appears_with_its_value",
        ],
    );
}

/// An edit of one component rebuilds its image and no other.
#[test]
fn a_changed_component_is_rebuilt_alone() {
    on_each_engine(|stage| {
        let stack = Stack::new(stage, "components");
        let images = || {
            COMPONENTS.map(|name| {
                let image = stack.image(&format!("wharf-components-{name}"));
                image["Id"].as_str().expect("an image").to_owned()
            })
        };
        stack.wharf_ok(&["build", "prod"]);
        let before = images();
        let (from, to) = ("division by zero", "nothing is divided by zero");
        stack.edit("crates/engine/src/expression.rs", from, to);
        stack.wharf_ok(&["build", "prod"]);
        let after = images();
        assert_eq!(before[..2], after[..2], "the others are the same");
        assert_ne!(before[2], after[2], "the engine is another");
    });
}

/// The stack's own registry.
struct Registry<'s> {
    stack: &'s Stack<'s>,
    /// What images are pushed to.
    place: String,
}

impl Registry<'_> {
    fn curl(&self, arguments: &[&str]) -> String {
        let words = [
            "--profile",
            "registry",
            "exec",
            "-T",
            "prod",
            "registry",
            "curl",
            "-s",
        ];
        self.stack
            .wharf_ok(&[&words[..], arguments].concat())
            .stdout
    }

    fn tags(&self, component: &str) -> BTreeSet<String> {
        let url = format!("http://127.0.0.1:5000/v2/components/{component}/tags/list");
        let answer: Value = serde_json::from_str(&self.curl(&[&url])).unwrap_or_default();
        let tags = answer["tags"].as_array().cloned().unwrap_or_default();
        let tags = tags.iter().filter_map(Value::as_str);
        tags.map(str::to_owned).collect()
    }

    /// What a tag names; empty without such a tag.
    fn digest(&self, component: &str, tag: &str) -> String {
        let url = format!("http://127.0.0.1:5000/v2/components/{component}/manifests/{tag}");
        let headers = self.curl(&["-I", "-H", ACCEPT, &url]).to_ascii_lowercase();
        let found = headers
            .lines()
            .find_map(|line| line.strip_prefix("docker-content-digest:"));
        found.map_or(String::new(), |digest| digest.trim().to_owned())
    }

    /// What `latest` names, of all components.
    fn latest(&self) -> [String; 3] {
        COMPONENTS.map(|component| self.digest(component, "latest"))
    }
}

fn record(stack: &Stack<'_>) -> Value {
    let text = std::fs::read_to_string(stack.home().join("image-digests.json"));
    serde_json::from_str(&text.expect("the record")).expect("JSON")
}

/// The digests that a record says were pushed.
fn pushed(record: &Value, place: &str) -> [String; 3] {
    COMPONENTS.map(|component| {
        let repository = format!("{place}/components/{component}");
        let digest = &record["components"][component]["repositories"][repository]["digest"];
        digest.as_str().unwrap_or_default().to_owned()
    })
}

/// Asks every health endpoint of what a registry has: nothing of it is left on the engine before.
fn smoke(registry: &Registry<'_>, wanted: &[String; 3]) -> Run {
    let (stack, stage) = (registry.stack, registry.stack.stage);
    for image in stage.get("/images/json").as_array().into_iter().flatten() {
        let tags = image["RepoTags"].as_array().into_iter().flatten();
        let digests = image["RepoDigests"].as_array().into_iter().flatten();
        for name in tags.chain(digests).filter_map(Value::as_str) {
            let is_pushed = name.starts_with(&registry.place);
            let is_built = COMPONENTS
                .iter()
                .any(|component| name == format!("wharf-components-{component}:{}", stage.project));
            if is_pushed || is_built {
                stage.remove_image(name);
            }
        }
    }
    let layer = |env: &str| format!("stacks/components/docker-compose.{env}.yml");
    let (base, test, release) = (layer("base"), layer("test"), layer("release"));
    let words = ["-f", &base, "-f", &test, "-f", &release, "test", "smoke"];
    let run = finish(stack.command(&words));
    for (component, digest) in COMPONENTS.iter().zip(wanted) {
        let name = format!("{}/components/{component}@{digest}", registry.place);
        let image = stage.get(&format!("/images/{name}/json"));
        assert!(
            image["Id"].is_string(),
            "{name} was not pulled\n{}",
            run.talk()
        );
    }
    run
}

/// All components are on the registry under every tag or none is; what is there answers; the way back leads to what was there.
#[test]
fn components_are_released_as_one() {
    on_each_engine(|stage| {
        let port = free_port().to_string();
        let place = format!("127.0.0.1:{port}");
        let stack = Stack::new(stage, "components")
            .with("REGISTRY_PORT", &port)
            .with("REGISTRY", &place);
        stack.wharf_ok(&["--profile", "registry", "up", "prod", "registry"]);
        let registry = Registry {
            stack: &stack,
            place,
        };
        stack.commit_all();
        stack.git(&["tag", "v1.2.0"]);

        stack.wharf_ok(&["release", "--push"]);
        let first = record(&stack);
        let digests = pushed(&first, &registry.place);
        let sha = format!(
            "sha-{}",
            &first["revision"].as_str().expect("a commit")[..7]
        );
        for (component, digest) in COMPONENTS.iter().zip(&digests) {
            let image = &first["components"][component];
            let size = image["size"].as_i64().expect("a size");
            assert!(size < 100_000_000, "{component}: {size}");
            for tag in ["latest", "v1.2.0", "1.2.0", "1.2", "1", &sha] {
                assert_eq!(
                    registry.digest(component, tag),
                    *digest,
                    "{component}:{tag}"
                );
            }
            let id = image["image_id"].as_str().expect("an id");
            assert_eq!(
                stage.get(&format!("/images/{id}/json"))["Config"]["User"],
                "10001:10001"
            );
        }
        let run = smoke(&registry, &digests);
        assert_eq!(run.code, 0, "{}", run.talk());

        // The middle one of the next version cannot be pushed: nobody sees any of it.
        let (from, to) = ("division by zero", "nothing is divided by zero");
        stack.edit("crates/engine/src/expression.rs", from, to);
        let (from, to) = (
            "runtime: {}",
            "runtime: {repositories: [\"127.0.0.1:1/runtime\"]}",
        );
        stack.edit("docker-compose.prod.yml", from, to);
        stack.git(&["commit", "--quiet", "-am", "two"]);
        stack.git(&["tag", "v1.3.0"]);
        let half = stack.wharf(&["release", "--push"]);
        assert_eq!(half.code, 5, "{}", half.talk());
        assert!(half.stderr.contains("no tag was moved"), "{}", half.talk());
        assert_eq!(registry.latest(), digests);
        for component in COMPONENTS {
            let tags = registry.tags(component);
            assert!(
                !tags.contains("v1.3.0") && !tags.contains("1.3.0"),
                "{tags:?}"
            );
        }
        assert_eq!(record(&stack), first);

        stack.edit("docker-compose.prod.yml", to, from);
        stack.git(&["commit", "--quiet", "-am", "three"]);
        stack.git(&["tag", "v1.3.1"]);
        stack.wharf_ok(&["release", "--push"]);
        let second = pushed(&record(&stack), &registry.place);
        assert_eq!(registry.latest(), second);
        assert_ne!(second[2], digests[2], "the engine is another");

        let id = first["id"].as_str().expect("an id");
        stack.wharf_ok(&["release", "rollback", id, "--push"]);
        assert_eq!(registry.latest(), digests);
        assert_eq!(record(&stack), first);
        let run = smoke(&registry, &digests);
        assert_eq!(run.code, 0, "{}", run.talk());
    });
}

/// A port that nobody on this machine holds.
pub(super) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
