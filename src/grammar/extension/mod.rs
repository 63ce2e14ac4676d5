//! `x-wharf`: what wharf adds to the specification. One file a key.

mod config;
mod release;
mod test;

use super::shape::{STRICT_FLAG, set};
use super::{Record, Shape};

/// The top-level `x-wharf`; see [`crate::model::WharfExtension`].
pub const PROJECT_EXTENSION: Shape = Shape::Record(&Record {
    what: "x-wharf",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("test", test::TEST),
        set("release", release::RELEASE),
        set("config", config::FILES),
    ],
});

/// A service's `x-wharf`; see [`crate::model::ServiceExtension`].
pub const SERVICE_EXTENSION: Shape = Shape::Record(&Record {
    what: "a service's x-wharf",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("image-only", STRICT_FLAG),
        set("config", config::FILES),
        set("configured", STRICT_FLAG),
    ],
});
