use std::str::FromStr;

use super::shape::{STRICT_FLAG, TEXT, TEXT_OR_NULL, TEXTS, ruled, set};
use super::{Keys, Map, Record, Shape};
use crate::model::Duration;

/// The top-level `x-wharf`; see [`crate::model::WharfExtension`].
pub const PROJECT_EXTENSION: Shape = Shape::Record(&Record {
    what: "x-wharf",
    required: &[],
    extensible: false,
    open: false,
    fields: &[set("test", TEST)],
});

const TEST: Shape = Shape::Record(&Record {
    what: "a test declaration",
    required: &["service"],
    extensible: false,
    open: false,
    fields: &[
        set("service", TEXT),
        set("command", TEXTS),
        set(
            "artifacts",
            Shape::Map(&Map {
                keys: Keys::Any,
                value: TEXT,
                open: false,
            }),
        ),
        set("timeout", TIME),
        set(
            "environment",
            Shape::Map(&Map {
                keys: Keys::Any,
                value: TEXT_OR_NULL,
                open: false,
            }),
        ),
    ],
});

/// Kept as written, unlike the durations of the specification.
const TIME: Shape = Shape::Scalar(&ruled(
    |text| Duration::from_str(text).is_ok(),
    "a duration such as `90s` or `10m`",
));

/// A service's `x-wharf`; see [`crate::model::ServiceExtension`].
pub const SERVICE_EXTENSION: Shape = Shape::Record(&Record {
    what: "a service's x-wharf",
    required: &[],
    extensible: false,
    open: false,
    fields: &[set("image-only", STRICT_FLAG)],
});
