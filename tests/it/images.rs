//! Files from which no image can be built end with 3, with the place that is wrong and a way out, before any engine is asked.

use crate::stage::wharf;

#[test]
fn a_circle_of_images_is_shown_where_it_is_written() {
    let stage = || {
        wharf()
            .file(
                "docker-compose.dev.yml",
                "services:\n  app: {image: app, build: ./app}\n  base:\n    image: base\n    build:\n      context: ./base\n      additional_contexts: {tools: 'service:app'}\n",
            )
            .file("app/Dockerfile", "FROM scratch AS one\nFROM base\n")
            .file("base/Dockerfile", "FROM tools\n")
    };
    for verb in ["build", "graph", "push"] {
        let said = stage().args([verb, "dev"]).run().fails(3);
        for part in [
            "error[image-cycle]: images are built from each other: `app` -> `base` -> `app`",
            "docker-compose.dev.yml:2:",
            "`app` needs `base`: app/Dockerfile:2: FROM base",
            "`base` needs `app`: the context `tools` of service `base`",
            "help: let one of them start from an image outside of the circle",
        ] {
            assert!(said.contains(part), "{verb}: `{part}` is not in\n{said}");
        }
    }
    let outcome = stage().args(["lint", "dev"]).run();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stdout.contains("error[image-cycle]"), "{outcome:?}");
}

#[test]
fn a_missing_dockerfile_is_shown_where_it_is_named() {
    let said = wharf()
        .file(
            "docker-compose.dev.yml",
            "services:\n  app:\n    build:\n      context: ./app\n      dockerfile: docker/Dockerfile\n  other: {build: ./nowhere}\n  fine: {build: {dockerfile_inline: FROM scratch}}\n",
        )
        .file("app/file", "")
        .args(["build", "dev"])
        .run()
        .fails(3);
    for part in [
        "error[image-unbuildable]: service `app` is built from `app/docker/Dockerfile`, which does not exist",
        "docker-compose.dev.yml:5:19",
        "help: write it, or name another one in `build.dockerfile`",
        "error[image-unbuildable]: the build context `nowhere` of service `other` does not exist",
        "docker-compose.dev.yml:6:18",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}
