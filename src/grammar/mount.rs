use super::service::DICT;
use super::shape::{FLAG, STRICT_NUMBER, TEXT, choice, ranged, set, value};
use super::shorthand;
use super::{Cast, List, Shape, Short};

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
pub const MOUNTS: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: Shape::OneOf(&[TEXT, MOUNT]),
        expand: shorthand::mount,
        becomes: MOUNT,
    }),
    unique: true,
});

const MOUNT: Shape = record!(
    "a mount",
    required & ["type"],
    [
        value("type", KIND),
        value("source", TEXT),
        value("target", TEXT),
        value("read_only", FLAG),
        value("consistency", TEXT),
        set("bind", BIND),
        set("volume", VOLUME),
        set("tmpfs", TMPFS),
        set("image", record!("image options", [value("subpath", TEXT)])),
    ]
);

const KIND: Shape = Shape::Scalar(&choice(&[
    "bind", "volume", "tmpfs", "cluster", "npipe", "image",
]));

const BIND: Shape = record!(
    "bind options",
    [
        value("selinux", Shape::Scalar(&choice(&["z", "Z"]))),
        value("propagation", TEXT),
        value("create_host_path", FLAG),
        value(
            "recursive",
            Shape::Scalar(&choice(&["enabled", "disabled", "writable", "readonly"]))
        ),
    ]
);

const VOLUME: Shape = record!(
    "volume options",
    [
        value("labels", DICT),
        value("nocopy", FLAG),
        value("subpath", TEXT),
    ]
);

const TMPFS: Shape = record!(
    "tmpfs options",
    [
        value("size", Shape::Scalar(&ranged(0, i64::MAX, Cast::Bytes))),
        value("mode", STRICT_NUMBER),
    ]
);
