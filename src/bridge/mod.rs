//! A project handed to images that turn it into something else: Kubernetes manifests, a Helm chart.
//! <https://docs.docker.com/compose/bridge/>

mod draft;
mod model;
mod output;
mod transformation;

pub use draft::write_draft;
pub use model::{Model, ModelError, Needed, needed};
pub use output::Output;
pub use transformation::{Results, Transformation};

/// What turns a project into something else unless told otherwise.
pub const DEFAULT_IMAGE: &str = "docker/compose-bridge-kubernetes";

/// The label, and its value, by which an image says that it is a transformation.
pub const LABEL: (&str, &str) = ("com.docker.compose.bridge", "transformation");

/// Where an image has its templates.
pub const TEMPLATES: &str = "/templates";
