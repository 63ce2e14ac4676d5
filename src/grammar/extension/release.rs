use std::str::FromStr;

use crate::grammar::shape::{BYTES, OPTION, STRICT_FLAG, TEXT, TEXTS, choice, ruled, set};
use crate::grammar::{Keys, List, Map, Record, Shape};
use crate::model::ByteSize;

/// The tags that have a name; others are templates.
pub const TAG_WORDS: [&str; 6] = ["latest", "semver", "sha", "sha-full", "branch", "date"];

/// `x-wharf.release`; see [`crate::model::ReleaseDeclaration`].
pub const RELEASE: Shape = Shape::Record(&Record {
    what: "x-wharf.release",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("tags", TAGS),
        set("main-branch", TEXT),
        set("repositories", TEXTS),
        set(
            "components",
            Shape::Map(&Map {
                keys: Keys::Name,
                value: COMPONENT,
                open: false,
            }),
        ),
        set(
            "labels",
            Shape::Map(&Map {
                keys: Keys::Any,
                value: OPTION,
                open: false,
            }),
        ),
        set("record", TEXT),
        set("covered-by", COVERED_BY),
        set("limits", LIMITS),
    ],
});

const COMPONENT: Shape = Shape::Record(&Record {
    what: "a component of a release",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("service", TEXT),
        set("repositories", TEXTS),
        set("covered-by", COVERED_BY),
        set("limits", LIMITS),
    ],
});

const LIMITS: Shape = Shape::Record(&Record {
    what: "the limits of a release",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        set("size", BYTES),
        set("growth", GROWTH),
        set("non-root", STRICT_FLAG),
        set("health-check", STRICT_FLAG),
        set("secrets", STRICT_FLAG),
        set("secrets-allowed", TEXTS),
        set("build-tools", TEXTS),
        set(
            "vulnerabilities",
            Shape::Scalar(&choice(&["low", "medium", "high", "critical"])),
        ),
    ],
});

const COVERED_BY: Shape = Shape::Scalar(&choice(&["image", "parents"]));

const TAGS: Shape = Shape::List(&List {
    item: Shape::Scalar(&ruled(
        |tag| TAG_WORDS.contains(&tag) || tag.contains("{{"),
        "one of `latest`, `semver`, `sha`, `sha-full`, `branch` and `date`, or a template such as `{{ branch }}-{{ sha }}`",
    )),
    unique: true,
});

const GROWTH: Shape = Shape::Scalar(&ruled(
    |text| match text.strip_suffix('%') {
        Some(number) => number.trim().parse::<u32>().is_ok(),
        None => ByteSize::from_str(text).is_ok_and(|size| size.0 >= 0),
    },
    "a byte size such as `10m`, or a share such as `10%`",
));
