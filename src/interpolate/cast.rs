/// The type that an attribute's text is read as after its variables are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cast {
    Bool,
    Int,
    Float,
}

/// Attributes below one point of a document. Only those are listed whose texts Compose casts; below a point that is
/// not listed nothing is cast.
#[derive(Debug)]
pub(super) struct Attributes(&'static [(&'static str, Below)]);

#[derive(Clone, Copy, Debug)]
pub(super) enum Below {
    Cast(Cast),
    Attributes(&'static Attributes),
    /// A value that is cast when it is a text, and has attributes when it is a mapping.
    Both(Cast, &'static Attributes),
}

impl Attributes {
    /// What is known of a mapping's key or, with [`EACH`], of each entry of a list.
    pub(super) fn get(&self, key: &str) -> Option<Below> {
        self.0
            .iter()
            .find(|(name, _)| *name == ANY || *name == key)
            .map(|(_, below)| *below)
    }
}

/// Stands for any key.
const ANY: &str = "*";
/// Stands for each entry of a list.
pub(super) const EACH: &str = "[]";

const BOOL: Below = Below::Cast(Cast::Bool);
const INT: Below = Below::Cast(Cast::Int);
const FLOAT: Below = Below::Cast(Cast::Float);

macro_rules! attributes {
    ($($name:expr => $below:expr),* $(,)?) => { Below::Attributes(&Attributes(&[$(($name, $below)),*])) };
}

const EXTERNAL: Below = attributes! { ANY => attributes! { "external" => BOOL } };

/// The whole document.
pub(super) static DOCUMENT: Attributes = Attributes(&[
    ("services", attributes! { ANY => SERVICE }),
    (
        "networks",
        attributes! { ANY => attributes! {
            "external" => BOOL,
            "internal" => BOOL,
            "attachable" => BOOL,
            "enable_ipv4" => BOOL,
            "enable_ipv6" => BOOL,
        } },
    ),
    ("volumes", EXTERNAL),
    ("secrets", EXTERNAL),
    ("configs", EXTERNAL),
]);

const SERVICE: Below = attributes! {
    "cpu_count" => INT,
    "cpu_percent" => FLOAT,
    "cpu_period" => INT,
    "cpu_quota" => INT,
    "cpu_rt_period" => INT,
    "cpu_rt_runtime" => INT,
    "cpus" => FLOAT,
    "cpu_shares" => INT,
    "init" => BOOL,
    "deploy" => attributes! {
        "replicas" => INT,
        "update_config" => attributes! { "parallelism" => INT, "max_failure_ratio" => FLOAT },
        "rollback_config" => attributes! { "parallelism" => INT, "max_failure_ratio" => FLOAT },
        "restart_policy" => attributes! { "max_attempts" => INT },
        "placement" => attributes! { "max_replicas_per_node" => INT },
    },
    "healthcheck" => attributes! { "retries" => INT, "disable" => BOOL },
    "oom_kill_disable" => BOOL,
    "oom_score_adj" => INT,
    "pids_limit" => INT,
    "ports" => attributes! { EACH => attributes! { "target" => INT } },
    "privileged" => BOOL,
    "read_only" => BOOL,
    "scale" => INT,
    "stdin_open" => BOOL,
    "tty" => BOOL,
    "ulimits" => attributes! {
        ANY => Below::Both(Cast::Int, &Attributes(&[("hard", INT), ("soft", INT)])),
    },
    "volumes" => attributes! { EACH => attributes! {
        "read_only" => BOOL,
        "volume" => attributes! { "nocopy" => BOOL },
    } },
};
