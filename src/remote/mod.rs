//! Files that a project takes from elsewhere, brought to this machine: OCI artifacts and git repositories.
//!
//! Loading only says which it lacks; whoever loads has them fetched, and loads again.

mod error;
mod fetch;
mod git;
mod oci;
mod store;

pub use error::RemoteError;
pub use fetch::{Fetched, Source, fetch};
pub use store::Store;
