use std::path::Path;

use super::checks::{self, Checked, Inspected, SecretSearch, SecretValues};
use super::component::Component;
use super::coverage::Candidate;
use super::record::{BaseRecord, ComponentRecord, LayerRecord};
use super::{origin, sbom};
use crate::build::{ImageGraph, Inputs, LABEL, own_inputs};
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind, Image};
use crate::image::{BaseImage, SavedLayer, Tree, read_layers};
use crate::layer::CONFIG_LABEL;
use crate::model::Project;

/// An image that has been looked through.
pub struct Inspection {
    pub image: Image,
    pub platform: String,
    pub layers: Vec<SavedLayer>,
    pub steps: Vec<LayerRecord>,
    /// What made each step, oldest first.
    pub history: Vec<String>,
}

/// Reads an image's configuration, its history and every file of its layers. `secrets`: values to look for.
///
/// # Errors
/// Those of the engine; an image that is not there.
pub async fn inspect(
    engine: &dyn Engine,
    component: &Component,
    graph: &ImageGraph,
    secrets: &SecretValues,
) -> EngineResult<Inspection> {
    let reference = &component.reference;
    let Some(image) = engine.inspect_image(reference).await? else {
        return Err(EngineError::new(
            ErrorKind::NotFound,
            format!("no such image: `{reference}`"),
        ));
    };
    let base = BaseImage::read(engine, &image.id).await?;
    let is_on = component.limits.secrets != Some(false);
    let search = SecretSearch::new(&secrets.values, is_on, keeps)
        .map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()))?;
    let layers = read_layers(engine, &image.id, search).await?;
    Ok(Inspection {
        steps: origin::layers(&base, graph, component.image.as_deref()),
        history: base
            .history
            .iter()
            .map(|step| step.created_by.clone())
            .collect(),
        platform: base.platform(),
        image,
        layers,
    })
}

/// Whether a file is read whole, and not only looked through.
fn keeps(path: &str) -> bool {
    sbom::keeps(path) || checks::keeps(path)
}

impl Inspection {
    pub fn tree(&self) -> Tree<'_> {
        Tree::of(&self.layers)
    }

    /// All checks but the scan for vulnerabilities.
    pub fn checks(
        &self,
        project: &Project,
        component: &Component,
        secrets: &SecretValues,
        former: Option<&ComponentRecord>,
    ) -> Vec<Checked> {
        let tree = self.tree();
        checks::check(&Inspected {
            project,
            component,
            image: &self.image,
            layers: &self.layers,
            tree: &tree,
            steps: &self.steps,
            history: &self.history,
            secrets,
            former,
        })
    }

    /// What the record says about the image itself.
    pub fn record(&self, component: &Component) -> ComponentRecord {
        ComponentRecord {
            services: component.services.clone(),
            reference: component.reference.clone(),
            image_id: self.image.id.clone(),
            configured: self.image.labels.contains_key(CONFIG_LABEL),
            platform: self.platform.clone(),
            size: self.image.size,
            layers: self.steps.clone(),
            inputs: inputs_of(&self.image),
            repositories: component
                .repositories
                .iter()
                .map(|repository| (repository.clone(), Default::default()))
                .collect(),
            ..ComponentRecord::default()
        }
    }
}

fn inputs_of(image: &Image) -> Option<String> {
    let label = image.labels.get(LABEL)?;
    Inputs::from_label(label).map(|inputs| inputs.digest())
}

/// What the Dockerfile of a component's image starts from. `None`: it is not built here, or from nothing.
///
/// # Errors
/// Those of the engine.
pub async fn base_of(
    engine: &dyn Engine,
    component: &Component,
    graph: &ImageGraph,
) -> EngineResult<Option<BaseRecord>> {
    let built = component.image.as_ref();
    let Some(image) = built.and_then(|key| graph.images.get(key)) else {
        return Ok(None);
    };
    let Some(file) = &image.dockerfile else {
        return Ok(None);
    };
    let arguments = image
        .build
        .args
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
        .collect();
    let Some(name) = file.parsed.base(image.build.target.as_deref(), &arguments) else {
        return Ok(None);
    };
    let found = engine.inspect_image(&name).await?;
    Ok(found.map(|found| BaseRecord {
        name,
        digest: found.digests.first().cloned(),
        id: found.id,
    }))
}

/// What tests have to have run for a component to be covered. `cache`: where this machine remembers what it has built.
///
/// # Errors
/// Those of the engine; an image that is not there.
pub async fn candidate(
    engine: &dyn Engine,
    component: &Component,
    graph: &ImageGraph,
    cache: Option<&Path>,
) -> EngineResult<Candidate> {
    let found = async |reference: &str| -> EngineResult<Candidate> {
        let image = engine.inspect_image(reference).await?.unwrap_or_default();
        Ok(Candidate {
            reference: reference.to_owned(),
            inputs: own_inputs(graph, cache, reference, &image.labels, &image.id),
            id: image.id,
            parents: Vec::new(),
        })
    };
    let mut parents = Vec::new();
    let own = component.image.as_ref();
    for parent in own.into_iter().flat_map(|key| graph.dag.needs(key)) {
        let name = graph.images.get(parent).and_then(|one| one.names.first());
        if let Some(name) = name {
            parents.push(found(name).await?);
        }
    }
    Ok(Candidate {
        parents,
        ..found(&component.reference).await?
    })
}
