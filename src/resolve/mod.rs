//! The merged document becomes a typed project: defaults, absolute paths, active profiles, checked.

mod check;
mod defaults;
mod environment;
mod fragment;
mod profiles;
mod resolved;
mod unused;

pub use fragment::Fragment;
pub use resolved::{Options, Resolved, resolve};
