//! The image graph: which images a project needs, what each is made from, and in which order they are built.
//!
//! Nothing here talks to an engine. Whatever builds is a [`Builder`], and whatever it says is a [`BuildEvent`].

pub mod dockerfile;
mod event;
mod failure;
mod hint;
pub mod ignore;
mod image_name;
mod request;
pub mod walk;

pub use event::{BuildEvent, StepId, Stream};
pub use failure::{BuildFailure, Excerpt, FailureCause};
pub use hint::hints;
pub use image_name::ImageName;
pub use request::{BuildRequest, BuiltImage, Context, DockerfileText, IgnoreText, SecretSource};
