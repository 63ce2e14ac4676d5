use super::*;
use crate::build::BuildEvent;
use crate::build::StoredImage;
use crate::load::MemoryDisk;
use serde_json::json;
use std::sync::Mutex;

/// Remembers what it is asked, and gives each build an id made of its inputs.
#[derive(Default)]
struct Recorder {
    images: Mutex<BTreeMap<String, StoredImage>>,
    /// What was built, in order.
    built: Mutex<Vec<String>>,
    /// Of these, what was built before from the same inputs.
    repeated: Mutex<Vec<String>>,
    broken: Vec<&'static str>,
    /// Names that it takes for no reference.
    refused: Vec<&'static str>,
    running: Mutex<(usize, usize)>,
}

#[tonic::async_trait]
impl Builder for Recorder {
    async fn find(&self, name: &str) -> Result<Option<StoredImage>, BuilderError> {
        if self.refused.contains(&name) {
            return Err(BuilderError("invalid reference format".to_owned()));
        }
        let images = self.images.lock().unwrap();
        let by_id = || images.values().find(|image| image.id == name);
        Ok(images.get(name).or_else(by_id).cloned())
    }

    async fn tag(&self, id: &str, name: &str) -> Result<(), BuilderError> {
        let mut images = self.images.lock().unwrap();
        let image = images.values().find(|image| image.id == id).cloned();
        images.insert(
            name.to_owned(),
            image.ok_or_else(|| BuilderError("gone".to_owned()))?,
        );
        Ok(())
    }

    async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        {
            let mut running = self.running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        let _ = events
            .send(BuildEvent::StepStarted {
                step: "1".into(),
                name: "FROM".to_owned(),
            })
            .await;
        tokio::task::yield_now().await;
        self.running.lock().unwrap().0 -= 1;
        if self.broken.contains(&request.image.as_str()) {
            return Err(BuildFailure::new(
                &request.image,
                FailureCause::Step,
                "broken",
            ));
        }
        let id = format!(
            "sha256:{}",
            request.labels[LABEL].len()
                + request.labels[LABEL]
                    .bytes()
                    .map(usize::from)
                    .sum::<usize>()
        );
        for name in &request.names {
            let image = StoredImage {
                id: id.clone(),
                labels: request.labels.clone(),
                triggers: request
                    .dockerfile
                    .text
                    .lines()
                    .filter_map(|line| Some(line.strip_prefix("ONBUILD ")?.to_owned()))
                    .collect(),
                size: 0,
            };
            self.images.lock().unwrap().insert(name.clone(), image);
        }
        self.built.lock().unwrap().push(request.image.clone());
        if request.is_repetition {
            let mut repeated = self.repeated.lock().unwrap();
            repeated.push(request.image.clone());
        }
        Ok(BuiltImage { id, pushed: false })
    }
}

struct Stack {
    project: Project,
    disk: MemoryDisk,
    options: BuildOptions,
}

impl Stack {
    /// `app` and `tools` from `base`, `prod` from `app`, `alone` from nothing of the project.
    fn new() -> Stack {
        let mut project: Project = serde_json::from_value(json!({"name": "p", "services": {
            "prod": {"build": {"dockerfile_inline": "FROM p-app"}},
            "app": {"build": {"dockerfile_inline": "FROM p-base\nARG UID", "args": {"UID": "1"}, "tags": ["app:extra"]}},
            "tools": {"build": {"dockerfile_inline": "FROM p-base\nRUN tools"}},
            "base": {"build": {"dockerfile_inline": "FROM debian"}},
            "alone": {"build": {"dockerfile_inline": "FROM scratch"}}
        }}))
        .unwrap();
        project.directory = "/p".into();
        Stack {
            project,
            disk: MemoryDisk::default(),
            options: BuildOptions::default(),
        }
    }

    async fn run(&self, builder: &Recorder, wanted: &[&str]) -> (Outcomes, Vec<BuildRunEvent>) {
        let graph = ImageGraph::of(&self.project, &self.disk).unwrap();
        let environment = Environment::default();
        let run = BuildRun {
            graph: &graph,
            project: &self.project,
            environment: &environment,
            builder,
            options: self.options.clone(),
        };
        let wanted: Vec<String> = wanted.iter().map(|key| (*key).to_owned()).collect();
        let (events, mut incoming) = mpsc::channel(1000);
        let outcomes = run.run(&wanted, &events).await;
        drop(events);
        let mut seen = Vec::new();
        while let Some(event) = incoming.recv().await {
            seen.push(event);
        }
        (outcomes, seen)
    }
}

fn reason(outcomes: &Outcomes, key: &str) -> String {
    match &outcomes[key] {
        ImageOutcome::Built { reason, .. } => reason.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn parents_come_first_and_only_what_is_needed() {
    let builder = Recorder::default();
    let (outcomes, events) = Stack::new().run(&builder, &["prod"]).await;
    assert_eq!(*builder.built.lock().unwrap(), ["base", "app", "prod"]);
    assert!(outcomes.values().all(|outcome| outcome.id().is_some()));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, BuildRunEvent::Step { image, .. } if image == "app"))
    );
}

#[tokio::test]
async fn nothing_changed_builds_nothing_and_lost_names_come_back() {
    let builder = Recorder::default();
    let stack = Stack::new();
    let all = ["prod", "tools", "alone"];
    let (first, _) = stack.run(&builder, &all).await;
    builder.built.lock().unwrap().clear();
    builder.images.lock().unwrap().remove("app:extra");
    let (second, _) = stack.run(&builder, &all).await;
    assert!(builder.built.lock().unwrap().is_empty());
    for (key, outcome) in &second {
        assert_eq!(
            *outcome,
            ImageOutcome::Unchanged {
                id: first[key].id().unwrap().to_owned()
            }
        );
    }
    assert!(builder.images.lock().unwrap().contains_key("app:extra"));
}

#[tokio::test]
async fn a_change_rebuilds_what_holds_it_and_says_why() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    let all = ["prod", "tools", "alone"];
    stack.run(&builder, &all).await;
    builder.built.lock().unwrap().clear();
    let build = stack.project.services["app"].build.as_mut().unwrap();
    build.args.insert("UID".to_owned(), Some("2".to_owned()));
    let (outcomes, _) = stack.run(&builder, &all).await;
    assert_eq!(*builder.built.lock().unwrap(), ["app", "prod"]);
    assert_eq!(reason(&outcomes, "app"), "the argument `UID` changed");
    assert_eq!(reason(&outcomes, "prod"), "the image `p-app` changed");
}

#[tokio::test]
async fn asking_what_would_happen_builds_nothing() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    stack.run(&builder, &["prod", "tools"]).await;
    builder.built.lock().unwrap().clear();
    stack.options.dry = true;
    let build = stack.project.services["app"].build.as_mut().unwrap();
    build.args.insert("UID".to_owned(), Some("2".to_owned()));
    let (outcomes, _) = stack.run(&builder, &["prod", "tools"]).await;
    assert!(builder.built.lock().unwrap().is_empty());
    let due = |key: &str| match &outcomes[key] {
        ImageOutcome::Due(reason) => reason.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(due("app"), "the argument `UID` changed");
    assert_eq!(due("prod"), "the image `app` changed");
    assert!(matches!(outcomes["tools"], ImageOutcome::Unchanged { .. }));
}

#[tokio::test]
async fn a_failure_stops_what_has_not_started() {
    let builder = Recorder {
        broken: vec!["app"],
        ..Recorder::default()
    };
    let (outcomes, events) = Stack::new().run(&builder, &["prod", "app"]).await;
    assert!(
        matches!(&outcomes["app"], ImageOutcome::Failed(failure) if failure.message == "broken")
    );
    assert_eq!(outcomes["prod"], ImageOutcome::Abandoned);
    assert!(outcomes["base"].id().is_some());
    assert!(events.contains(&BuildRunEvent::Abandoned {
        image: "prod".to_owned()
    }));
}

#[tokio::test]
async fn no_more_builds_at_a_time_than_allowed() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    stack.run(&builder, &["prod", "tools", "alone"]).await;
    assert!(builder.running.lock().unwrap().1 > 1);
    let builder = Recorder::default();
    stack.options.parallel = NonZeroUsize::MIN;
    stack.run(&builder, &["prod", "tools", "alone"]).await;
    assert_eq!(builder.running.lock().unwrap().1, 1);
}

#[tokio::test]
async fn only_what_was_built_from_the_same_is_a_repetition() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    let cache = tempfile::tempdir().unwrap();
    stack.options.cache = Some(cache.path().to_owned());
    stack.options.skip_unchanged = false;
    stack.run(&builder, &["app"]).await;
    assert!(builder.repeated.lock().unwrap().is_empty());
    stack.run(&builder, &["app"]).await;
    assert_eq!(*builder.repeated.lock().unwrap(), ["base", "app"]);
    builder.repeated.lock().unwrap().clear();
    let build = stack.project.services["app"].build.as_mut().unwrap();
    build.args.insert("UID".to_owned(), Some("2".to_owned()));
    stack.run(&builder, &["app"]).await;
    assert_eq!(*builder.repeated.lock().unwrap(), ["base"]);
    builder.repeated.lock().unwrap().clear();
    stack.options.overrides.no_cache = true;
    stack.run(&builder, &["app"]).await;
    assert!(builder.repeated.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_build_that_is_asked_for_is_done() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    stack.run(&builder, &["alone"]).await;
    stack.options.overrides.no_cache = true;
    let (outcomes, _) = stack.run(&builder, &["alone"]).await;
    assert_eq!(reason(&outcomes, "alone"), "a build is asked for");
    stack.options.overrides.no_cache = false;
    builder
        .images
        .lock()
        .unwrap()
        .get_mut("p-alone")
        .unwrap()
        .labels
        .clear();
    let (outcomes, _) = stack.run(&builder, &["alone"]).await;
    assert_eq!(
        reason(&outcomes, "alone"),
        "the image was not built by wharf"
    );
}

/// A stack whose `app` is built like that, with a directory of files for it.
fn with_files(build: serde_json::Value) -> (Stack, tempfile::TempDir) {
    let files = tempfile::tempdir().unwrap();
    for (name, text) in [("a", "1"), ("x.log", "1"), (".dockerignore", "*.log")] {
        std::fs::write(files.path().join(name), text).unwrap();
    }
    let mut stack = Stack::new();
    let mut build: crate::model::Build = serde_json::from_value(build).unwrap();
    let place = files.path().display().to_string();
    let known = std::mem::take(&mut stack.disk);
    stack.disk = known.with(format!("{place}/a"), "1");
    match build.additional_contexts.get_mut("src") {
        Some(source) => *source = place,
        None => build.context = Some(place),
    }
    stack.project.services["app"].build = Some(build);
    (stack, files)
}

#[tokio::test]
async fn what_a_base_copies_by_itself_counts() {
    let builder = Recorder::default();
    let (mut stack, files) = with_files(json!({"dockerfile_inline": "FROM p-base"}));
    let base = stack.project.services["base"].build.as_mut().unwrap();
    base.dockerfile_inline = Some("FROM debian\nONBUILD COPY . /".to_owned());
    stack.run(&builder, &["app"]).await;
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert!(matches!(outcomes["app"], ImageOutcome::Unchanged { .. }));
    std::fs::write(files.path().join("a"), "2").unwrap();
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert_eq!(reason(&outcomes, "app"), "`a` changed");
}

#[tokio::test]
async fn what_a_base_takes_from_another_image_counts() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    let inline = |stack: &mut Stack, service: &str, text: &str| {
        let build = stack.project.services[service].build.as_mut().unwrap();
        build.dockerfile_inline = Some(text.to_owned());
    };
    let base = "FROM debian\nONBUILD COPY --from=p-alone /v /v";
    inline(&mut stack, "base", base);
    inline(&mut stack, "app", "FROM p-base");
    stack.run(&builder, &["app"]).await;
    // The first two do not wait for each other.
    builder.built.lock().unwrap()[..2].sort_unstable();
    assert_eq!(*builder.built.lock().unwrap(), ["alone", "base", "app"]);
    inline(&mut stack, "alone", "FROM scratch AS other");
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert_eq!(reason(&outcomes, "app"), "the image `p-alone` changed");
    inline(
        &mut stack,
        "base",
        "FROM debian\nONBUILD ADD https://e.example/x /",
    );
    stack.run(&builder, &["app"]).await;
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert!(reason(&outcomes, "app").starts_with("an `ONBUILD ADD`"));
}

#[tokio::test]
async fn what_inherits_the_label_is_not_taken_for_the_build() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    let cache = tempfile::tempdir().unwrap();
    stack.options.cache = Some(cache.path().to_owned());
    stack.run(&builder, &["alone"]).await;
    let (outcomes, _) = stack.run(&builder, &["alone"]).await;
    assert!(matches!(outcomes["alone"], ImageOutcome::Unchanged { .. }));
    builder
        .images
        .lock()
        .unwrap()
        .get_mut("p-alone")
        .unwrap()
        .id = "sha256:committed".to_owned();
    let (outcomes, _) = stack.run(&builder, &["alone"]).await;
    assert_eq!(
        reason(&outcomes, "alone"),
        "the image was not built by wharf"
    );
}

#[tokio::test]
async fn what_is_no_reference_is_left_to_the_builder() {
    let builder = Recorder {
        refused: vec!["", "x-"],
        ..Recorder::default()
    };
    for text in ["ARG X\nFROM $X", "FROM a\nRUN --mount=from=x-,target=/m y"] {
        let mut stack = Stack::new();
        let build = stack.project.services["alone"].build.as_mut().unwrap();
        build.dockerfile_inline = Some(text.to_owned());
        let (outcomes, _) = stack.run(&builder, &["alone"]).await;
        assert!(outcomes["alone"].id().is_some(), "{:?}", outcomes["alone"]);
    }
}

#[tokio::test]
async fn a_named_context_has_ignore_rules_of_its_own() {
    let builder = Recorder::default();
    let (stack, files) = with_files(json!({
        "dockerfile_inline": "FROM scratch\nCOPY --from=src a /", "additional_contexts": {"src": ""}
    }));
    stack.run(&builder, &["app"]).await;
    std::fs::write(files.path().join("x.log"), "2").unwrap();
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert!(matches!(outcomes["app"], ImageOutcome::Unchanged { .. }));
    std::fs::write(files.path().join("a"), "2").unwrap();
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert_eq!(reason(&outcomes, "app"), "`src:a` changed");
}

#[tokio::test]
async fn what_is_fetched_and_what_needs_no_cache_is_asked_for_each_time() {
    let builder = Recorder::default();
    let (mut stack, _files) = with_files(json!({
        "dockerfile_inline": "FROM scratch AS one\nADD https://e.example/x /"
    }));
    stack.run(&builder, &["app"]).await;
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert!(reason(&outcomes, "app").starts_with("`ADD` in line 2"));
    let build = stack.project.services["app"].build.as_mut().unwrap();
    build.dockerfile_inline = Some("FROM scratch AS one".to_owned());
    build.no_cache_filter = vec!["one".to_owned()];
    stack.run(&builder, &["app"]).await;
    let (outcomes, _) = stack.run(&builder, &["app"]).await;
    assert_eq!(reason(&outcomes, "app"), "a build is asked for");
}

#[tokio::test]
async fn a_problem_of_the_graph_fails_its_image_only() {
    let builder = Recorder::default();
    let mut stack = Stack::new();
    let build = stack.project.services["alone"].build.as_mut().unwrap();
    build.dockerfile_inline = Some("NONSENSE".to_owned());
    let (outcomes, _) = stack.run(&builder, &["alone"]).await;
    assert!(
        matches!(&outcomes["alone"], ImageOutcome::Failed(failure) if failure.message.contains("before the first `FROM`"))
    );
    let (outcomes, _) = stack.run(&builder, &["base"]).await;
    assert!(outcomes["base"].id().is_some());
}
