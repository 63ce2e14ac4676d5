//! The same sources, built twice.

use crate::release::{application, forget_images, git, wharf};
use crate::stage::on_each_engine;

/// Two builds without cache must give one digest where the engine's store allows it, and where it does not, it must be said
/// what stands in the way; what differs in content must be named everywhere. Nothing is written or tagged by looking.
#[test]
fn two_builds_without_cache_are_compared() {
    on_each_engine(|stage| {
        application(stage, "{}");
        // Times of files are kept in whole seconds: each build has a second of its own.
        stage.write(
            "app/ui/Dockerfile",
            "FROM debian:bookworm-slim\nRUN sleep 1 && mkdir /made && echo made > /made/file\nCOPY file /ui\nUSER 1000\nCMD [\"sleep\", \"infinity\"]\n",
        );
        let app = stage.directory.path().join("app");
        git(&app, &["commit", "--quiet", "-am", "two"]);
        let words = ["release", "prod", "--verify-reproducible", "--dry-run"];
        let same = wharf(stage, "/nonexistent", &words);
        assert_eq!(same.code, 0, "{}", same.talk());
        let info = stage.get("/info");
        let mut told = match info["DriverStatus"].to_string() {
            status if status.contains("io.containerd.snapshotter") => {
                vec!["reproducible: two builds without cache gave the same images"]
            }
            _ => vec!["image `ui` has the same content twice, but not the same id: `/"],
        };
        // Its builder knows no time but its own.
        if info["ServerVersion"].to_string().contains("20.10.") {
            told.push("image `api` has the same layers twice, but not the same id: its configuration says when it was built");
        }
        for told in told {
            assert!(same.stderr.contains(told), "{}", same.talk());
        }
        assert!(!app.join("image-digests.json").exists());

        stage.write(
            "app/ui/Dockerfile",
            "FROM debian:bookworm-slim\nRUN head -c 8 /dev/urandom > /chance\nCOPY file /ui\nUSER 1000\nCMD [\"sleep\", \"infinity\"]\n",
        );
        git(&app, &["commit", "--quiet", "-am", "three"]);
        let other = wharf(stage, "/nonexistent", &words);
        assert_eq!(other.code, 5, "{}", other.talk());
        assert!(
            other.stderr.contains(
                "image `ui` is not reproducible: `/chance` of layer 2: its content differs"
            ),
            "{}",
            other.talk()
        );
        assert!(
            !other.stderr.contains("image `api` is not"),
            "{}",
            other.talk()
        );
        let images = stage.get("/images/json").to_string();
        assert!(!images.contains("wharf-first-build"), "{images}");
        forget_images(stage, &[]);
    });
}
