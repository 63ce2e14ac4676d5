use super::make::Making;
use crate::build::{BuildOptions, ImageOutcome, Overrides, Surplus};
use crate::cli::Failure;
use crate::cli::building::{Building, Outcomes, options};
use crate::engine::Image;
use crate::image::read_layers;
use crate::release::{Component, Difference, Digests, compare, labels};
use crate::report::short_id;

impl Making<'_> {
    /// Builds what the components need; with `twice`, two times without cache.
    pub(super) async fn build(&self, components: &[Component], twice: bool) -> Result<(), Failure> {
        let keys: Vec<String> = components
            .iter()
            .filter_map(|component| component.image.clone())
            .collect();
        let wanted = self.graph.dag.closure(&keys);
        if wanted.is_empty() {
            return Ok(());
        }
        let marks = components
            .iter()
            .filter_map(|component| {
                let title = format!("{} {}", self.title(), component.name);
                let labels = labels(self.revision, &title, &self.declaration.labels);
                Some((component.image.clone()?, labels))
            })
            .collect();
        let build_options = BuildOptions {
            overrides: Overrides {
                source_date_epoch: Some(self.revision.committed),
                no_cache: twice,
                marks,
                // What is released is what the engine has: it must be all of it.
                surplus: Surplus::Refused,
                ..Overrides::default()
            },
            skip_unchanged: !twice,
            ..options(self.context)
        };
        let run = || {
            let building = Building {
                project: self.project,
                graph: self.graph,
                options: build_options.clone(),
                name_unchanged: true,
                builder: None,
            };
            building.run(self.context, self.docker, &wanted, self.cancel)
        };
        let first = run().await?;
        if !twice {
            return Ok(());
        }
        let kept = self.keep(&first).await?;
        let verdict = match run().await {
            Ok(second) => self.judge(&differing(&wanted, &first, &second)).await,
            Err(failure) => Err(failure),
        };
        for name in kept {
            if let Err(error) = self.engine().remove_image(&name, false).await {
                tracing::debug!(%error, name, "the first build stays");
            }
        }
        verdict
    }

    /// Gives images names of their own: the second build takes the others, and a containerd store forgets an image that has
    /// none.
    async fn keep(&self, built: &Outcomes) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for id in built.values().filter_map(ImageOutcome::id) {
            let name = format!("wharf-first-build:{}", short_id(id));
            self.engine().tag_image(id, &name).await?;
            names.push(name);
        }
        Ok(names)
    }

    fn title(&self) -> &str {
        let name = &self.project.name;
        let env = self.project.env.as_deref().unwrap_or_default();
        name.strip_suffix(&format!("-{env}")).unwrap_or(name)
    }

    /// Says which images two builds made differently, and in what. Content that differs is an error; times are one where
    /// the engine could have made them the same.
    pub(super) async fn judge(
        &self,
        different: &[(String, String, String)],
    ) -> Result<(), Failure> {
        let console = &self.context.console;
        if different.is_empty() {
            console.say("reproducible: two builds without cache gave the same images");
            return Ok(());
        }
        let can_rewrite = self.engine().info().containerd_store;
        let mut failures = Vec::new();
        for (key, first, second) in different {
            match self.difference(first, second).await? {
                Difference::File { layer, path, what } => failures.push(format!(
                    "image `{key}` is not reproducible: `/{path}` of layer {}: {what}",
                    layer + 1
                )),
                Difference::Layers { first, second } => failures.push(format!(
                    "image `{key}` is not reproducible: it has {first} layers once and {second} the other time"
                )),
                Difference::Times { layer, path } if can_rewrite => failures.push(format!(
                    "image `{key}` is not reproducible: `/{path}` of layer {} has another time",
                    layer + 1
                )),
                Difference::Times { layer, path } => console.warn(&format!(
                    "image `{key}` has the same content twice, but not the same id: `/{path}` of layer {} was written at another time, and this engine's image store keeps that; with a containerd store wharf sets all times to the commit's",
                    layer + 1
                )),
                Difference::Order if can_rewrite => failures.push(format!(
                    "image `{key}` is not reproducible: its files are the same, their order is not"
                )),
                Difference::Order => console.warn(&format!(
                    "image `{key}` has the same files twice, but not the same id: this engine's image store lists them in another order"
                )),
                Difference::Configuration if can_rewrite => failures.push(format!(
                    "image `{key}` is not reproducible: its layers are the same, its configuration is not"
                )),
                Difference::Configuration => console.warn(&format!(
                    "image `{key}` has the same layers twice, but not the same id: its configuration says when it was built, and this engine's image store keeps that; with a containerd store wharf sets all times to the commit's"
                )),
            }
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(Failure::Apply(failures.join("\n"))),
        }
    }

    /// In what two builds of an image are different. Their files are read only when their layers are not the same.
    async fn difference(&self, first: &str, second: &str) -> Result<Difference, Failure> {
        let one = self.engine().inspect_image(first).await?;
        let other = self.engine().inspect_image(second).await?;
        let layers = |image: Option<Image>| image.map(|image| image.layers);
        if layers(one) == layers(other) {
            return Ok(Difference::Configuration);
        }
        let first = read_layers(self.engine(), first, Digests).await?;
        let second = read_layers(self.engine(), second, Digests).await?;
        Ok(compare(&first, &second))
    }
}

/// The images that two builds made differently: key, first id, second id.
fn differing(
    wanted: &[String],
    first: &Outcomes,
    second: &Outcomes,
) -> Vec<(String, String, String)> {
    let id = |outcomes: &Outcomes, key: &String| {
        let id = outcomes.get(key).and_then(ImageOutcome::id);
        id.map(str::to_owned)
    };
    wanted
        .iter()
        .filter_map(|key| Some((key.clone(), id(first, key)?, id(second, key)?)))
        .filter(|(_, first, second)| first != second)
        .collect()
}
