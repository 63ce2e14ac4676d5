//! Builds images over an own BuildKit session: the engine's `/grpc` endpoint takes the build, and over `/session` the
//! engine asks back for files, secrets, agents and credentials as it needs them.
//!
//! <https://github.com/moby/buildkit/blob/master/docs/dev/request-lifecycle.md>

mod auth;
mod builder;
mod caches;
mod content;
mod dialer;
mod failure;
mod fetch;
mod filesync;
mod frontend;
mod health;
mod host_gateway;
mod identity;
mod progress;
mod secrets;
mod session;
mod solve;
mod ssh;
mod ssh_agent;
mod ssh_key;
mod stat;
mod store;
mod upgrade;

pub use auth::{Credential, CredentialLookup};
pub use builder::BuildKit;
pub use dialer::{Connection, Dialer};
pub use frontend::Frontend;
