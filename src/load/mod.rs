//! Which files, in which order, read from a disk that is an argument; up to the merged document.

mod base;
mod caller;
mod discover;
mod disk;
pub mod dotenv;
mod env_file;
mod environment;
mod envs;
mod extends;
mod forgive;
mod include;
mod layer;
mod loaded;
mod location;
mod model;
mod name;
mod naming;
mod reader;
mod remote;
mod request;
mod supplied;
#[cfg(test)]
mod tests;
mod variables;

pub use discover::COMPOSE_NAMES;
pub use disk::{Disk, Host, MemoryDisk};
pub use environment::Environment;
pub use envs::{envs, stacks};
pub use layer::{LayerInfo, Role};
pub use loaded::{Loaded, load};
pub use location::{absolute, display};
pub use name::{NameRule, ProjectName};
pub use remote::{RemoteCopies, RemoteCopy, RemoteKind, is_remote, without_password};
pub use request::LoadRequest;
pub use supplied::SuppliedSecrets;
pub use variables::{Variable, Variables};
