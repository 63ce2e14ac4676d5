//! Builds images over an own BuildKit session: a control service takes the build, and over the session the builder asks back
//! for files, secrets, agents and credentials as it needs them. [`BuildKit`] is the one inside of an engine; those beside
//! it are in `buildx`.
//!
//! <https://github.com/moby/buildkit/blob/master/docs/dev/request-lifecycle.md>

mod access;
mod auth;
mod builder;
mod caches;
mod content;
mod dialer;
mod export;
mod failure;
mod fetch;
mod filesync;
mod frontend;
mod health;
mod host_gateway;
mod identity;
mod job;
mod progress;
mod receive;
mod secrets;
mod session;
mod solve;
mod ssh;
mod ssh_agent;
mod ssh_key;
mod stat;
mod store;
mod upgrade;

pub use access::Access;
pub use auth::{Credential, CredentialLookup};
pub use builder::BuildKit;
pub(super) use content::Layout;
pub use dialer::{Connection, Dialer};
pub(super) use export::{Export, Format};
pub(super) use fetch::fetch_repositories;
pub use frontend::Frontend;
pub(super) use job::{Job, warn};
pub(super) use receive::Receive;
pub(super) use store::{find, tag};
