//! The merged document becomes a typed project: defaults, absolute paths, active profiles, checked.

mod check;
mod defaults;
mod environment;
mod field;
mod fragment;
mod profiles;
mod resolved;
mod selection;
mod unused;

pub use field::Owner;
pub use fragment::Fragment;
pub use resolved::{Options, Resolved, resolve};
