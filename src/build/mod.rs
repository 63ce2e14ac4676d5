//! The image graph: which images a project needs, what each is made from, and in which order they are built.
//!
//! Nothing here talks to an engine. Whatever builds is a [`Builder`], and whatever it says is a [`BuildEvent`].

mod bake;
mod builder;
mod cache;
mod check;
mod context;
mod cycle;
mod digest;
pub mod dockerfile;
mod dockerfile_file;
mod event;
mod failure;
mod gather;
pub mod graph;
mod hash_cache;
mod hint;
pub mod ignore;
mod image;
mod image_name;
mod outcome;
mod own_builds;
mod owner;
mod problem;
mod reason;
mod recipe;
mod reference;
mod request;
pub mod rewrite;
mod run;
mod skip;
mod source;
mod standard_input;
mod turn;
pub mod walk;

pub use builder::{Builder, BuilderError, StoredImage};
pub use cache::{Cache, written as written_caches};
pub use check::{CheckFinding, check};
pub use context::ContextFiles;
pub use cycle::{ImageCycle, Need};
pub use digest::{InputChange, Inputs, LABEL};
pub use dockerfile_file::DockerfileFile;
pub use event::{BuildEvent, StepId, Stream};
pub use failure::{BuildFailure, Excerpt, FailureCause};
pub use graph::{ImageGraph, NameClash};
pub use hash_cache::HashCache;
pub use hint::{hints, missing_base, wanted_reader};
pub use image::{Image, Parent, ParentBy, is_standard_input};
pub use image_name::ImageName;
pub use outcome::{BuildRunEvent, ImageOutcome};
pub use own_builds::own_inputs;
pub use owner::{ForeignOwner, uid_of, user_of, writable_binds};
pub use problem::GraphProblem;
pub use reason::BuildReason;
pub use recipe::{Overrides, RecipeError};
pub use reference::Reference;
pub use request::{
    BuildRequest, BuiltImage, Context, DockerfileText, IgnoreText, SecretSource, Surplus,
};
pub use run::{BuildOptions, BuildRun};
pub use source::ContextSource;
pub use standard_input::unpack_context;
