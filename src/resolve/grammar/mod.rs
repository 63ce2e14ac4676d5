//! The structure of a Compose file as data: what each attribute accepts, its long form and how it is printed.
//!
//! One table serves four passes: [`super::schema`] checks against it, [`super::shorthand`] brings short forms into long
//! ones, [`super::canonical`] reads texts as the numbers, sizes and times they stand for, and `wharf config` prints by it.
//! Fields stand in the order in which `docker compose config` prints them.

/// A mapping with these fields and `x-` keys.
macro_rules! record {
    ($what:literal, [$($field:expr),* $(,)?]) => {
        record!($what, required &[], [$($field),*])
    };
    ($what:literal, required $required:expr, [$($field:expr),* $(,)?]) => {
        $crate::resolve::grammar::Shape::Record(&$crate::resolve::grammar::Record {
            what: $what,
            required: $required,
            extensible: true,
            open: false,
            fields: &[$($field),*],
        })
    };
}

mod build;
mod deploy;
mod mount;
mod project;
mod service;
mod shape;

pub use project::PROJECT;
pub use shape::{Cast, Field, Keys, Kinds, List, Map, Print, Record, Scalar, Shape, Short};
