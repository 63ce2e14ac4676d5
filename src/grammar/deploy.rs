use super::service::DICT;
use super::shape::{
    BYTES_TEXT, COUNT, DEVICE_COUNT, DURATION, FLOAT, INTEGER, NAMES, NUMBER, TEXT, TEXTS, choice,
    set, structure, value,
};
use super::shorthand;
use super::{Field, List, Record, Shape, Short};

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md>
pub const DEPLOY: Shape = Shape::OneOf(&[
    Shape::Null,
    record!(
        "a deploy section",
        [
            value("mode", TEXT),
            set("replicas", INTEGER),
            value("labels", DICT),
            set("update_config", UPDATE),
            set("rollback_config", UPDATE),
            structure("resources", RESOURCES),
            set("restart_policy", RESTART_POLICY),
            structure("placement", PLACEMENT),
            value("endpoint_mode", TEXT),
        ]
    ),
]);

const UPDATE: Shape = record!(
    "an update policy",
    [
        set("parallelism", COUNT),
        value("delay", DURATION),
        value("failure_action", TEXT),
        value("monitor", DURATION),
        value("max_failure_ratio", FLOAT),
        value(
            "order",
            Shape::Scalar(&choice(&["start-first", "stop-first"]))
        ),
    ]
);

const RESOURCES: Shape = record!(
    "a resources section",
    [
        set(
            "limits",
            record!(
                "resource limits",
                [
                    value("cpus", FLOAT),
                    value("memory", BYTES_TEXT),
                    value("pids", INTEGER),
                ]
            )
        ),
        set(
            "reservations",
            record!(
                "resource reservations",
                [
                    value("cpus", FLOAT),
                    value("memory", BYTES_TEXT),
                    value("devices", DEVICE_REQUESTS),
                    value("generic_resources", GENERIC_RESOURCES),
                ]
            )
        ),
    ]
);

const DEVICE_REQUESTS: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: DEVICE_REQUEST,
        expand: shorthand::device_request,
        becomes: DEVICE_REQUEST,
    }),
    unique: false,
});

const DEVICE_REQUEST: Shape = Shape::Record(&Record {
    what: "a device request",
    required: &["capabilities"],
    extensible: true,
    open: false,
    fields: DEVICE_REQUEST_FIELDS,
});

const DEVICE_REQUEST_FIELDS: &[Field] = &[
    value("capabilities", NAMES),
    value("driver", TEXT),
    value("count", DEVICE_COUNT),
    value("device_ids", NAMES),
    value("options", DICT),
];

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#gpus>
pub const GPUS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[Shape::Scalar(&choice(&["all"])), GPU_LIST]),
    expand: shorthand::gpus,
    becomes: GPU_LIST,
});

const GPU_LIST: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: GPU,
        expand: shorthand::device_request,
        becomes: GPU,
    }),
    unique: false,
});

const GPU: Shape = Shape::Record(&Record {
    what: "a GPU request",
    required: &[],
    extensible: true,
    open: true,
    fields: DEVICE_REQUEST_FIELDS,
});

const GENERIC_RESOURCES: Shape = Shape::List(&List {
    item: record!(
        "a generic resource",
        [set(
            "discrete_resource_spec",
            record!(
                "a discrete resource",
                [set("kind", TEXT), set("value", NUMBER)]
            )
        )]
    ),
    unique: false,
});

const RESTART_POLICY: Shape = record!(
    "a restart policy",
    [
        value("condition", TEXT),
        set("delay", DURATION),
        set("max_attempts", COUNT),
        set("window", DURATION),
    ]
);

const PLACEMENT: Shape = record!(
    "a placement section",
    [
        value("constraints", TEXTS),
        value(
            "preferences",
            Shape::List(&List {
                item: record!("a placement preference", [value("spread", TEXT)]),
                unique: false,
            })
        ),
        value("max_replicas_per_node", COUNT),
    ]
);
