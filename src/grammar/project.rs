use super::extension::PROJECT_EXTENSION;
use super::service::{DICT, SERVICE};
use super::shape::{
    FLAG, NAMES, OPTIONS, STRICT_INTEGER, TEXT, TEXTS, never, set, structure, value, yaml_only,
};
use super::shorthand;
use super::{Keys, List, Map, Record, Shape, Short};

/// Named things of one kind; `open`: names of another form are allowed too.
macro_rules! named {
    ($shape:expr, open: $open:literal) => {
        Shape::Map(&Map {
            keys: Keys::Name,
            value: $shape,
            open: $open,
        })
    };
}

/// Something that may exist outside the project.
macro_rules! resource {
    (nullable $long:expr) => {
        Shape::Short(&Short {
            accepts: Shape::OneOf(&[Shape::Null, $long]),
            expand: shorthand::resource,
            becomes: $long,
        })
    };
    ($long:expr) => {
        Shape::Short(&Short {
            accepts: $long,
            expand: shorthand::resource,
            becomes: $long,
        })
    };
}

/// <https://github.com/compose-spec/compose-spec/blob/main/03-compose-file.md>
///
/// A static and not a constant: of a constant each use may be a copy, and what prints a document tells the top level by
/// its address.
pub static PROJECT: Shape = record!(
    "a Compose file",
    [
        set("name", TEXT),
        structure("services", named!(SERVICE, open: false)),
        value("networks", named!(resource!(nullable NETWORK), open: true)),
        value("volumes", named!(resource!(nullable VOLUME), open: false)),
        value("secrets", named!(resource!(SECRET), open: false)),
        value("configs", named!(resource!(CONFIG), open: false)),
        yaml_only("models", named!(MODEL, open: true)),
        never("version", TEXT),
        never("include", INCLUDE),
        set("x-wharf", PROJECT_EXTENSION),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/14-include.md>
const INCLUDE: Shape = Shape::List(&List {
    item: Shape::OneOf(&[
        TEXT,
        Shape::Record(&Record {
            what: "an include entry",
            required: &[],
            extensible: false,
            open: false,
            fields: &[
                value("path", Shape::OneOf(&[TEXT, NAMES])),
                value("env_file", Shape::OneOf(&[TEXT, NAMES])),
                value("project_directory", TEXT),
            ],
        }),
    ]),
    unique: false,
});

/// A boolean, or the former `{name: ..}`.
const EXTERNAL: Shape =
    Shape::OneOf(&[FLAG, record!("an external section", [value("name", TEXT)])]);

/// As [`EXTERNAL`], with anything else beside the name.
const OPEN_EXTERNAL: Shape = Shape::OneOf(&[
    FLAG,
    Shape::Record(&Record {
        what: "an external section",
        required: &[],
        extensible: true,
        open: true,
        fields: &[value("name", TEXT)],
    }),
]);

/// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md>
const NETWORK: Shape = record!(
    "a network",
    [
        value("name", TEXT),
        value("driver", TEXT),
        value("driver_opts", OPTIONS),
        structure("ipam", IPAM),
        value("external", EXTERNAL),
        value("internal", FLAG),
        value("attachable", FLAG),
        value("labels", DICT),
        set("enable_ipv4", FLAG),
        set("enable_ipv6", FLAG),
    ]
);

const IPAM: Shape = record!(
    "an ipam section",
    [
        value("driver", TEXT),
        value(
            "config",
            Shape::List(&List {
                item: record!(
                    "an address pool",
                    [
                        value("subnet", TEXT),
                        value("gateway", TEXT),
                        value("ip_range", TEXT),
                        value("aux_addresses", TEXT_MAP),
                    ]
                ),
                unique: false,
            })
        ),
        never("options", TEXT_MAP),
    ]
);

const TEXT_MAP: Shape = Shape::Map(&Map {
    keys: Keys::Filled,
    value: TEXT,
    open: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md>
const VOLUME: Shape = record!(
    "a volume",
    [
        value("name", TEXT),
        value("driver", TEXT),
        value("driver_opts", OPTIONS),
        value("external", EXTERNAL),
        value("labels", DICT),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
const SECRET: Shape = record!(
    "a secret",
    [
        value("name", TEXT),
        value("file", TEXT),
        value("environment", TEXT),
        value("external", OPEN_EXTERNAL),
        value("labels", DICT),
        value("driver", TEXT),
        value("driver_opts", OPTIONS),
        value("template_driver", TEXT),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/08-configs.md>
const CONFIG: Shape = record!(
    "a config",
    [
        value("name", TEXT),
        value("file", TEXT),
        value("environment", TEXT),
        value("content", TEXT),
        value("external", OPEN_EXTERNAL),
        value("labels", DICT),
        value("template_driver", TEXT),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/models.md>
const MODEL: Shape = Shape::Record(&Record {
    what: "a model",
    required: &["model"],
    extensible: true,
    open: false,
    fields: &[
        value("name", TEXT),
        value("model", TEXT),
        value("context_size", STRICT_INTEGER),
        value("runtime_flags", TEXTS),
    ],
});
