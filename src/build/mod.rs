//! The image graph: which images a project needs, what each is made from, and in which order they are built.
//!
//! Nothing here talks to an engine. Whatever builds is a [`Builder`], and whatever it says is a [`BuildEvent`].

mod bake;
mod builder;
mod context;
mod digest;
pub mod dockerfile;
mod event;
mod failure;
pub mod graph;
mod hash_cache;
mod hint;
pub mod ignore;
mod image_name;
mod image_only;
mod recipe;
mod request;
pub mod rewrite;
mod run;
pub mod walk;

pub use builder::{Builder, BuilderError, StoredImage};
pub use context::ContextFiles;
pub use digest::{InputChange, Inputs, LABEL};
pub use event::{BuildEvent, StepId, Stream};
pub use failure::{BuildFailure, Excerpt, FailureCause};
pub use graph::{ContextSource, DockerfileFile, GraphProblem, Image, ImageGraph, Parent, ParentBy};
pub use hash_cache::HashCache;
pub use hint::hints;
pub use image_name::ImageName;
pub use image_only::is_image_only;
pub use recipe::{Overrides, RecipeError};
pub use request::{BuildRequest, BuiltImage, Context, DockerfileText, IgnoreText, SecretSource};
pub use run::{BuildOptions, BuildReason, BuildRun, BuildRunEvent, ImageOutcome};
