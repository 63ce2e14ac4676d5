//! The structure of a Compose file as data: what each attribute accepts, its long form and how it is printed.
//!
//! One table serves four passes: [`check`] compares a document with it, [`expand`] brings short forms into long ones,
//! [`canonicalise`] reads texts as the numbers, sizes and times they stand for, and `wharf config` prints by it.
//! Fields stand in the order in which `docker compose config` prints them.

/// A mapping with these fields and `x-` keys.
macro_rules! record {
    ($what:literal, [$($field:expr),* $(,)?]) => {
        record!($what, required &[], [$($field),*])
    };
    ($what:literal, required $required:expr, [$($field:expr),* $(,)?]) => {
        $crate::grammar::Shape::Record(&$crate::grammar::Record {
            what: $what,
            required: $required,
            extensible: true,
            open: false,
            fields: &[$($field),*],
        })
    };
}

mod build;
mod canonical;
mod deploy;
mod extension;
mod hint;
mod json_schema;
mod mount;
mod paths;
mod place;
mod project;
mod schema;
mod service;
mod shape;
mod shorthand;

pub use canonical::{canonicalise, plain};
pub use json_schema::{extension_schema, file_schema};
pub use paths::{Anchor, absolute, default_contexts, join};
pub use place::Place;
pub use project::PROJECT;
pub use schema::{check, check_within, same};
pub use shape::{Cast, Field, Keys, Kinds, List, Map, Print, Record, Scalar, Shape, Short};
pub use shorthand::{Expand, clean, expand, expand_within, started};
