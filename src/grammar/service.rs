use std::net::IpAddr;

use super::build::{BUILD, DEVELOP, DICT_OR_NAMES, OPTION_MAP};
use super::deploy::{DEPLOY, GPUS};
use super::extension::SERVICE_EXTENSION;
use super::mount::MOUNTS;
use super::shape::{
    BYTES, BYTES_NUMBER, DURATION, FILE_MODE, FLAG, FLOAT, INTEGER, LIMIT, NAMES, NUMBER,
    NUMBER_COUNT, NUMBER_OPTION, OPTION, OPTIONS, STRICT_FLAG, STRICT_INTEGER, STRICT_NUMBER, TEXT,
    TEXT_OR_INTEGER, TEXT_OR_NULL, TEXT_OR_NUMBER, TEXTS, VARIABLE, capitalised, choice, never,
    nullable, ranged, ruled, set, value, yaml_zero,
};
use super::shorthand;
use super::{Cast, Keys, List, Map, Record, Shape, Short};

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>
pub const SERVICE: Shape = record!(
    "a service",
    [
        value("profiles", NAMES),
        value("annotations", DICT),
        set("attach", FLAG),
        set("build", BUILD),
        set("develop", DEVELOP),
        set("blkio_config", BLKIO),
        value("cap_add", NAMES),
        value("cap_drop", NAMES),
        value("cgroup_parent", TEXT),
        value("cgroup", Shape::Scalar(&choice(&["host", "private"]))),
        value("cpu_count", Shape::Scalar(&ranged(0, i64::MAX, Cast::Int))),
        value("cpu_percent", Shape::Scalar(&ranged(0, 100, Cast::Float))),
        value("cpu_period", NUMBER),
        value("cpu_quota", NUMBER),
        value("cpu_rt_period", NUMBER),
        value("cpu_rt_runtime", NUMBER),
        value("cpus", FLOAT),
        value("cpuset", TEXT),
        value("cpu_shares", NUMBER),
        nullable("command", COMMAND),
        value("configs", FILE_REFERENCES),
        value(
            "container_name",
            Shape::Scalar(&ruled(
                is_container_name,
                "at least two characters of letters, digits, `_`, `.`, `-`, the first a letter or digit"
            ))
        ),
        set("credential_spec", CREDENTIAL_SPEC),
        value("depends_on", DEPENDS_ON),
        set("deploy", DEPLOY),
        value("device_cgroup_rules", NAMES),
        value("devices", DEVICES),
        value("dns", FILLED_TEXTS),
        value("dns_opt", NAMES),
        value("dns_search", TEXT_OR_TEXTS),
        value("domainname", TEXT),
        nullable("entrypoint", COMMAND),
        set("provider", PROVIDER),
        value("environment", VARIABLES),
        value("env_file", ENV_FILE),
        value("expose", NAMES_OR_NUMBERS),
        value("extends", EXTENDS),
        value("external_links", NAMES),
        value("extra_hosts", EXTRA_HOSTS),
        value("group_add", NAMES_OR_NUMBERS),
        value("gpus", GPUS),
        value("hostname", TEXT),
        set("healthcheck", HEALTHCHECK),
        value("image", TEXT),
        set("init", FLAG),
        value("ipc", TEXT),
        value("isolation", TEXT),
        value("labels", DICT),
        value("label_file", LABEL_FILE),
        value("links", NAMES),
        set("logging", LOGGING),
        value("mem_limit", BYTES_NUMBER),
        value("mem_reservation", BYTES),
        value("memswap_limit", BYTES_NUMBER),
        value("mem_swappiness", BYTES),
        value("mac_address", TEXT),
        value("models", MODELS),
        value("network_mode", TEXT),
        value("networks", NETWORKS),
        value("oom_kill_disable", FLAG),
        value(
            "oom_score_adj",
            Shape::Scalar(&ranged(-1000, 1000, Cast::Int))
        ),
        value("pid", TEXT_OR_NULL),
        value("pids_limit", NUMBER),
        value("platform", TEXT),
        value("ports", PORTS),
        value("privileged", FLAG),
        value("pull_policy", PULL_POLICY),
        never("pull_refresh_after", TEXT),
        value("read_only", FLAG),
        value("restart", TEXT),
        value("runtime", TEXT),
        set("scale", INTEGER),
        value("secrets", SECRET_REFERENCES),
        value("security_opt", NAMES),
        value("shm_size", BYTES_NUMBER),
        value("stdin_open", FLAG),
        set("stop_grace_period", DURATION),
        value("stop_signal", TEXT),
        value("storage_opt", STORAGE_OPTIONS),
        value("sysctls", DICT),
        value("tmpfs", TEXT_OR_TEXTS),
        value("tty", FLAG),
        value("ulimits", ULIMITS),
        value("use_api_socket", STRICT_FLAG),
        value("user", TEXT),
        value("userns_mode", TEXT),
        value("uts", TEXT),
        value("volumes", MOUNTS),
        value("volumes_from", NAMES),
        value("working_dir", TEXT),
        value("pre_start", HOOKS),
        value("post_start", HOOKS),
        value("pre_stop", HOOKS),
        set("x-wharf", SERVICE_EXTENSION),
    ]
);

/// The specification's pattern is not anchored: two such characters in a row are enough.
fn is_container_name(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric()
            && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
    })
}

const PULL_POLICY: Shape = Shape::Scalar(&ruled(
    is_pull_policy,
    "`always`, `never`, `missing`, `if_not_present`, `build`, `refresh`, `daily`, `weekly` or `every_` with a duration",
));

/// The specification's pattern is not anchored: a text that contains a policy is one.
fn is_pull_policy(text: &str) -> bool {
    const NAMED: [&str; 8] = [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ];
    NAMED.iter().any(|name| text.contains(name))
        || text.match_indices("every_").any(|(at, prefix)| {
            let rest = &text[at + prefix.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

/// Options as a mapping or as `KEY=VALUE` texts; becomes a mapping of texts.
pub const DICT: Shape = Shape::Short(&Short {
    accepts: DICT_OR_NAMES,
    expand: shorthand::dict,
    becomes: OPTION_MAP,
});

/// Variables as a mapping or as `KEY=VALUE` texts; becomes a mapping of texts and nulls.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#environment>
pub const VARIABLES: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[VARIABLE_MAP, NAMES]),
    expand: shorthand::variables,
    becomes: VARIABLE_MAP,
});

const VARIABLE_MAP: Shape = Shape::Map(&Map {
    keys: Keys::Filled,
    value: VARIABLE,
    open: false,
});

pub const TEXT_OR_TEXTS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[TEXT, NAMES]),
    expand: shorthand::texts,
    becomes: TEXTS,
});

const FILLED_TEXTS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[TEXT, NAMES]),
    expand: shorthand::filled,
    becomes: TEXTS,
});

const NAMES_OR_NUMBERS: Shape = Shape::List(&List {
    item: TEXT_OR_INTEGER,
    unique: true,
});

const BLKIO: Shape = Shape::Record(&Record {
    what: "a block IO section",
    required: &[],
    extensible: false,
    open: false,
    fields: &[
        value("weight", STRICT_INTEGER),
        value(
            "weight_device",
            Shape::List(&List {
                item: Shape::Record(&Record {
                    what: "a device weight",
                    required: &[],
                    extensible: false,
                    open: false,
                    fields: &[
                        capitalised("path", "Path", TEXT),
                        capitalised("weight", "Weight", STRICT_INTEGER),
                    ],
                }),
                unique: false,
            }),
        ),
        value("device_read_bps", THROTTLES),
        value("device_read_iops", THROTTLES),
        value("device_write_bps", THROTTLES),
        value("device_write_iops", THROTTLES),
    ],
});

const THROTTLES: Shape = Shape::List(&List {
    item: Shape::Record(&Record {
        what: "a device rate",
        required: &[],
        extensible: false,
        open: false,
        fields: &[
            capitalised("path", "Path", TEXT),
            capitalised("rate", "Rate", BYTES),
        ],
    }),
    unique: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#command>
const COMMAND: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[Shape::Null, TEXT, TEXTS]),
    expand: shorthand::command,
    becomes: Shape::OneOf(&[Shape::Null, TEXTS]),
});

const FILE_REFERENCE: Shape = record!(
    "a reference to a config or secret",
    [
        value("source", TEXT),
        value("target", TEXT),
        value("uid", TEXT),
        value("gid", TEXT),
        set("mode", FILE_MODE),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#configs>
pub const FILE_REFERENCES: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: Shape::OneOf(&[TEXT, FILE_REFERENCE]),
        expand: shorthand::file_reference,
        becomes: FILE_REFERENCE,
    }),
    unique: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
const SECRET_REFERENCES: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: Shape::OneOf(&[TEXT, FILE_REFERENCE]),
        expand: shorthand::secret_reference,
        becomes: FILE_REFERENCE,
    }),
    unique: false,
});

const CREDENTIAL_SPEC: Shape = record!(
    "a credential specification",
    [
        value("config", TEXT),
        value("file", TEXT),
        value("registry", TEXT),
    ]
);

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
const DEPENDS_ON: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[NAMES, DEPENDENCIES]),
    expand: shorthand::depends_on,
    becomes: DEPENDENCIES,
});

const DEPENDENCIES: Shape = Shape::Map(&Map {
    keys: Keys::Name,
    value: record!(
        "a dependency",
        required & ["condition"],
        [
            value(
                "condition",
                Shape::Scalar(&choice(&[
                    "service_started",
                    "service_healthy",
                    "service_completed_successfully",
                ]))
            ),
            value("restart", FLAG),
            set("required", STRICT_FLAG),
        ]
    ),
    open: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
const DEVICES: Shape = Shape::List(&List {
    item: Shape::Short(&Short {
        accepts: Shape::OneOf(&[TEXT, DEVICE]),
        expand: shorthand::device,
        becomes: DEVICE,
    }),
    unique: false,
});

const DEVICE: Shape = record!(
    "a device",
    required & ["source"],
    [
        value("source", TEXT),
        value("target", TEXT),
        value("permissions", TEXT),
    ]
);

const PROVIDER: Shape = record!(
    "a provider",
    required & ["type"],
    [value("type", TEXT), value("options", PROVIDER_OPTIONS)]
);

const PROVIDER_OPTIONS: Shape = Shape::Short(&Short {
    accepts: Shape::Map(&Map {
        keys: Keys::Any,
        value: Shape::OneOf(&[
            PROVIDER_OPTION,
            Shape::List(&List {
                item: PROVIDER_OPTION,
                unique: false,
            }),
        ]),
        open: false,
    }),
    expand: shorthand::lists,
    becomes: Shape::Map(&Map {
        keys: Keys::Any,
        value: Shape::List(&List {
            item: OPTION,
            unique: false,
        }),
        open: false,
    }),
});

const PROVIDER_OPTION: Shape = Shape::Scalar(&super::Scalar {
    kinds: super::Kinds::STRING
        .or(super::Kinds::NUMBER)
        .or(super::Kinds::BOOL),
    cast: Cast::Text,
    choices: &[],
    range: None,
    rule: None,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file>
const ENV_FILE: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[
        TEXT,
        Shape::List(&List {
            item: Shape::OneOf(&[TEXT, ENV_FILE_ENTRY]),
            unique: false,
        }),
    ]),
    expand: shorthand::env_file,
    becomes: Shape::List(&List {
        item: ENV_FILE_ENTRY,
        unique: false,
    }),
});

const ENV_FILE_ENTRY: Shape = Shape::Record(&Record {
    what: "an env file",
    required: &["path"],
    extensible: false,
    open: false,
    fields: &[
        value("path", TEXT),
        set("required", FLAG),
        value("format", TEXT),
    ],
});

const LABEL_FILE: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[TEXT, TEXTS]),
    expand: shorthand::list,
    becomes: TEXTS,
});

const EXTENDS: Shape = Shape::OneOf(&[
    TEXT,
    Shape::Record(&Record {
        what: "an extends section",
        required: &["service"],
        extensible: false,
        open: false,
        fields: &[value("service", TEXT), value("file", TEXT)],
    }),
]);

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extra_hosts>
pub const EXTRA_HOSTS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[
        Shape::Map(&Map {
            keys: Keys::Any,
            value: Shape::OneOf(&[TEXT, TEXTS]),
            open: false,
        }),
        NAMES,
    ]),
    expand: shorthand::extra_hosts,
    becomes: TEXTS,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
const HEALTHCHECK: Shape = record!(
    "a health check",
    [
        value(
            "test",
            Shape::Short(&Short {
                accepts: Shape::OneOf(&[TEXT, TEXTS]),
                expand: shorthand::health_test,
                becomes: TEXTS,
            })
        ),
        set("timeout", DURATION),
        set("interval", DURATION),
        set("retries", NUMBER_COUNT),
        set("start_period", DURATION),
        set("start_interval", DURATION),
        value("disable", FLAG),
    ]
);

const LOGGING: Shape = record!(
    "a logging section",
    [
        value("driver", TEXT),
        value(
            "options",
            Shape::Map(&Map {
                keys: Keys::Any,
                value: NUMBER_OPTION,
                open: false,
            })
        ),
    ]
);

const MODELS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[NAMES, MODEL_MAP]),
    expand: shorthand::names,
    becomes: MODEL_MAP,
});

const MODEL: Shape = record!(
    "a model reference",
    [value("endpoint_var", TEXT), value("model_var", TEXT)]
);

const MODEL_MAP: Shape = Shape::Map(&Map {
    keys: Keys::Name,
    value: Shape::OneOf(&[Shape::Null, MODEL]),
    open: true,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#networks>
const NETWORKS: Shape = Shape::Short(&Short {
    accepts: Shape::OneOf(&[NAMES, ENDPOINTS]),
    expand: shorthand::names,
    becomes: ENDPOINTS,
});

const ENDPOINTS: Shape = Shape::Map(&Map {
    keys: Keys::Name,
    value: Shape::OneOf(&[
        Shape::Null,
        record!(
            "an endpoint",
            [
                value("aliases", NAMES),
                value("driver_opts", OPTIONS),
                value("gw_priority", STRICT_NUMBER),
                value("interface_name", TEXT),
                value("ipv4_address", TEXT),
                value("ipv6_address", TEXT),
                value("link_local_ips", NAMES),
                value("mac_address", TEXT),
                value("priority", STRICT_NUMBER),
            ]
        ),
    ]),
    open: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
const PORTS: Shape = Shape::Short(&Short {
    accepts: Shape::List(&List {
        item: Shape::OneOf(&[TEXT_OR_NUMBER, PORT]),
        unique: true,
    }),
    expand: shorthand::ports,
    becomes: Shape::List(&List {
        item: PORT,
        unique: false,
    }),
});

const PORT: Shape = record!(
    "a port",
    [
        value("name", TEXT),
        value("mode", TEXT),
        value("host_ip", ADDRESS),
        value("target", INTEGER),
        value("published", TEXT_OR_INTEGER),
        value("protocol", TEXT),
        value("app_protocol", TEXT),
    ]
);

/// A text with a variable is one that `--no-interpolate` has kept.
const ADDRESS: Shape = Shape::Scalar(&ruled(
    |text| text.parse::<IpAddr>().is_ok() || text.contains('$'),
    "an IP address such as `127.0.0.1` or `::1`",
));

const STORAGE_OPTIONS: Shape = Shape::Map(&Map {
    keys: Keys::Any,
    value: NUMBER_OPTION,
    open: false,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ulimits>
pub const ULIMITS: Shape = Shape::Map(&Map {
    keys: Keys::Ulimit,
    value: Shape::OneOf(&[
        LIMIT,
        record!(
            "a pair of limits",
            required & ["soft", "hard"],
            [yaml_zero("soft", INTEGER), yaml_zero("hard", INTEGER)]
        ),
    ]),
    open: true,
});

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
pub const HOOK: Shape = record!(
    "a hook",
    required & ["command"],
    [
        nullable("command", COMMAND),
        value("user", TEXT),
        value("privileged", FLAG),
        value("working_dir", TEXT),
        value("environment", VARIABLES),
    ]
);

const HOOKS: Shape = Shape::List(&List {
    item: HOOK,
    unique: false,
});
