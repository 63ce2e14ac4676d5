//! Builders that `docker buildx create` has made: BuildKits beside the engine, which keep what they build to themselves and do
//! not see the engine's images. wharf reads buildx's own records of them, and changes none.
//!
//! <https://docs.docker.com/build/builders/>

mod apart;
mod choice;
mod container;
mod node;
mod options;
mod parents;
mod rounds;
mod stdio;
mod store;

pub use apart::Apart;
pub use choice::{Choice, NoBuilder, choose};
pub use store::Instance;
