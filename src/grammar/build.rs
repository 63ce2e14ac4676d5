use super::service::{DICT, EXTRA_HOSTS, FILE_REFERENCES, HOOK, TEXT_OR_TEXTS, ULIMITS, VARIABLES};
use super::shape::{
    BYTES, FLAG, NAMES, OPTION, STRICT_FLAG, TEXT, TEXT_OR_FLAG, TEXTS, choice, set, structure,
    value,
};
use super::shorthand;
use super::{Keys, List, Map, Shape, Short};

/// <https://github.com/compose-spec/compose-spec/blob/main/build.md>
pub const BUILD: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[TEXT, RECORD]),
    expand: shorthand::build,
    becomes: RECORD,
});

const RECORD: Shape = record!(
    "a build section",
    [
        value("context", TEXT),
        value("dockerfile", TEXT),
        value("dockerfile_inline", TEXT),
        value("entitlements", TEXTS),
        value("args", VARIABLES),
        value("provenance", TEXT_OR_FLAG),
        value("sbom", TEXT_OR_FLAG),
        value("ssh", SSH),
        value("labels", DICT),
        value("cache_from", TEXTS),
        value("cache_to", TEXTS),
        value("no_cache", FLAG),
        value("no_cache_filter", TEXT_OR_TEXTS),
        value("additional_contexts", CONTEXTS),
        value("pull", FLAG),
        value("extra_hosts", EXTRA_HOSTS),
        value("isolation", TEXT),
        value("network", TEXT),
        value("target", TEXT),
        value("secrets", FILE_REFERENCES),
        value("shm_size", BYTES),
        value("tags", TEXTS),
        value("ulimits", ULIMITS),
        value("platforms", TEXTS),
        value("privileged", FLAG),
    ]
);

/// Agents and keys by id.
const SSH: Shape = Shape::Short(&Short {
    accepts: DICT_OR_NAMES,
    expand: shorthand::ssh,
    becomes: TEXTS,
});

const CONTEXTS: Shape = Shape::Short(&Short {
    accepts: DICT_OR_NAMES,
    expand: shorthand::contexts,
    becomes: OPTION_MAP,
});

pub const OPTION_MAP: Shape = Shape::Map(&Map {
    keys: Keys::Filled,
    value: OPTION,
    open: false,
});

pub const DICT_OR_NAMES: Shape = Shape::OneOf(&[OPTION_MAP, NAMES]);

/// <https://github.com/compose-spec/compose-spec/blob/main/develop.md>
pub const DEVELOP: Shape = Shape::OneOf(&[
    Shape::Null,
    record!(
        "a develop section",
        [value(
            "watch",
            Shape::List(&List {
                item: WATCH,
                unique: false,
            }),
        )]
    ),
]);

const WATCH: Shape = record!(
    "a watch rule",
    required & ["path", "action"],
    [
        set("path", TEXT),
        set("action", ACTION),
        value("target", TEXT),
        structure("exec", HOOK),
        value("include", TEXT_OR_TEXTS),
        value("ignore", TEXT_OR_TEXTS),
        value("initial_sync", STRICT_FLAG),
    ]
);

const ACTION: Shape = Shape::Scalar(&choice(&[
    "rebuild",
    "sync",
    "restart",
    "sync+restart",
    "sync+exec",
]));
