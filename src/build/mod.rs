//! The image graph: which images a project needs, what each is made from, and in which order they are built.
//!
//! Nothing here talks to an engine. Whatever builds is a [`Builder`], and whatever it says is a [`BuildEvent`].

mod event;
mod failure;
pub mod ignore;
mod request;
pub mod walk;

pub use event::{BuildEvent, StepId, Stream};
pub use failure::{BuildFailure, Excerpt, FailureCause};
pub use request::{BuildRequest, BuiltImage, Context, DockerfileText, SecretSource};
