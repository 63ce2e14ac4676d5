use std::str::FromStr;

use crate::grammar::shape::{TEXT, TEXT_OR_NULL, TEXTS, ruled, set};
use crate::grammar::{Keys, Map, Record, Shape};
use crate::model::Duration;

/// `x-wharf.test`; see [`crate::model::TestDeclaration`].
pub const TEST: Shape = Shape::Record(&Record {
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
