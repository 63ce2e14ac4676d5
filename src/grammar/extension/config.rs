use crate::grammar::shape::{
    FILE_MODE, NAMES, OPTION, STRICT_FLAG, TEXT, TEXT_OR_INTEGER, ruled, set,
};
use crate::grammar::{Keys, List, Map, Record, Shape};

/// `x-wharf.config`; see [`crate::model::ConfigFile`].
pub const FILES: Shape = Shape::List(&List {
    item: Shape::Record(&Record {
        what: "an entry of x-wharf.config",
        required: &["target"],
        extensible: false,
        open: false,
        fields: &[
            set("template", TEXT),
            set("file", TEXT),
            set("target", TARGET),
            set("mode", FILE_MODE),
            set("uid", TEXT_OR_INTEGER),
            set("gid", TEXT_OR_INTEGER),
            set(
                "values",
                Shape::Map(&Map {
                    keys: Keys::Any,
                    value: OPTION,
                    open: false,
                }),
            ),
            set("allow-secrets", STRICT_FLAG),
            set("services", NAMES),
        ],
    }),
    unique: false,
});

const TARGET: Shape = Shape::Scalar(&ruled(
    |path| {
        path.starts_with('/') && !path.ends_with('/') && !path.split('/').any(|part| part == "..")
    },
    "an absolute path of a file, such as `/etc/app/app.conf`",
));
