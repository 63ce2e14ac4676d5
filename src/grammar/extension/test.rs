use std::str::FromStr;

use crate::grammar::shape::{
    NAMES, STRICT_FLAG, TEXT, TEXT_OR_NUMBER, TEXTS, VARIABLE, ranged, ruled, set,
};
use crate::grammar::{Cast, Keys, List, Map, Record, Shape};
use crate::model::Duration;

/// `x-wharf.test`; see [`crate::model::TestDeclaration`].
pub const TEST: Shape = Shape::Record(&Record {
    what: "a test declaration",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("service", TEXT),
        set("command", TEXTS),
        set("artifacts", ARTIFACTS),
        set("timeout", TIME),
        set("start-timeout", TIME),
        set("retries", RETRIES),
        set("environment", ENVIRONMENT),
        set("matrix", MATRIX),
        set("needs", NEEDS),
        set(
            "suites",
            Shape::Map(&Map {
                keys: Keys::Name,
                value: SUITE,
                open: false,
            }),
        ),
        set("reset", RESET),
    ],
});

const SUITE: Shape = Shape::Record(&Record {
    what: "a suite of tests",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("service", TEXT),
        set("command", TEXTS),
        set("artifacts", ARTIFACTS),
        set("timeout", TIME),
        set("start-timeout", TIME),
        set("retries", RETRIES),
        set("environment", ENVIRONMENT),
        set("matrix", MATRIX),
        set("needs", NEEDS),
        set("default", STRICT_FLAG),
    ],
});

const RESET: Shape = Shape::Record(&Record {
    what: "a reset between test runs",
    required: &["service", "command"],
    extensible: false,
    open: false,
    fields: &[set("service", TEXT), set("command", TEXTS)],
});

const ARTIFACTS: Shape = Shape::Map(&Map {
    keys: Keys::Any,
    value: TEXT,
    open: false,
});

const ENVIRONMENT: Shape = Shape::Map(&Map {
    keys: Keys::Any,
    value: VARIABLE,
    open: false,
});

const MATRIX: Shape = Shape::Map(&Map {
    keys: Keys::Any,
    value: Shape::List(&List {
        item: TEXT_OR_NUMBER,
        unique: true,
    }),
    open: false,
});

/// Whether what the service depends on is started, or which services are.
const NEEDS: Shape = Shape::OneOf(&[STRICT_FLAG, NAMES]);

const RETRIES: Shape = Shape::Scalar(&ranged(0, 100, Cast::Count));

/// Kept as written, unlike the durations of the specification.
const TIME: Shape = Shape::Scalar(&ruled(
    |text| Duration::from_str(text).is_ok_and(|time| !time.is_negative()),
    "a duration such as `90s` or `10m`",
));
