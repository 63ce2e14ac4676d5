use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::report::Colour;

/// Options before the verb; those of `docker compose`, then wharf's own.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// Compose file, `oci://` artifact or git repository, in order; `-` is standard input. Turns the env rule off
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub files: Vec<String>,

    /// Project name
    #[arg(short = 'p', long, value_name = "NAME")]
    pub project_name: Option<String>,

    /// What relative paths refer to (default: the directory of the first Compose file)
    #[arg(long, alias = "workdir", value_name = "DIR")]
    pub project_directory: Option<PathBuf>,

    /// Env file instead of `.env`, in order
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,

    /// Profile to activate
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,

    /// The env, when its name is also a service's
    #[arg(long, value_name = "ENV")]
    pub env: Option<String>,

    /// Use stacks/NAME instead of the project at hand
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,

    /// How progress is shown
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub progress: ProgressMode,

    /// When to write colours and cursor movements
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub ansi: Ansi,

    /// Docker context to use
    #[arg(short = 'c', long, value_name = "NAME")]
    pub context: Option<String>,

    /// Engine to talk to, instead of DOCKER_HOST and the context
    #[arg(short = 'H', long, value_name = "ADDRESS")]
    pub host: Option<String>,

    /// At most that many engine calls or builds at a time (-1: no limit)
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    pub parallel: i64,

    /// While another wharf changes the project: wait for its end, at most so long (`--wait-lock=1m`)
    #[arg(
        long,
        global = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_name = "TIME"
    )]
    pub wait_lock: Option<String>,

    /// Go on from here with a project that runs from another directory
    #[arg(long, global = true)]
    pub take_over: bool,

    /// Say nothing but errors and data
    #[arg(short, long)]
    pub quiet: bool,

    /// Show what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Volumes and networks that no service uses, too
    #[arg(long, hide = true)]
    pub all_resources: bool,

    /// Write no colours and cursor movements (its former name)
    #[arg(long, hide = true)]
    pub no_ansi: bool,

    /// Names of containers with `_` instead of `-`, as in the first docker-compose
    #[arg(long, hide = true)]
    pub compatibility: bool,

    /// Directory of Docker's configuration, instead of DOCKER_CONFIG (the Docker CLI's own option)
    #[arg(long, hide = true, value_name = "DIR")]
    pub config: Option<PathBuf>,

    /// How much to say (the Docker CLI's own option)
    #[arg(short = 'l', long, hide = true, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Print more (for docker compose's sake)
    #[arg(long, hide = true)]
    pub verbose: bool,

    /// Print what wharf does inside (or set WHARF_LOG, for example `wharf=debug`)
    #[arg(short = 'D', long)]
    pub debug: bool,

    /// Registry that is spoken to without TLS, for `-f oci://`
    #[arg(long, hide = true, value_name = "HOST")]
    pub insecure_registry: Vec<String>,

    /// Called under Compose's name: no env rule, every word is a service.
    #[arg(skip)]
    pub as_compose: bool,

    /// Progress goes to standard output.
    #[arg(skip)]
    pub status_on_stdout: bool,

    /// What containers write is shown.
    #[arg(skip)]
    pub attended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// Bars in a terminal, lines otherwise
    #[default]
    Auto,
    /// Bars
    Tty,
    /// Lines
    Plain,
    /// One JSON object a line, on standard error
    Json,
    Quiet,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Ansi {
    #[default]
    Auto,
    Never,
    Always,
}

impl From<Ansi> for Colour {
    fn from(ansi: Ansi) -> Self {
        match ansi {
            Ansi::Auto => Colour::Auto,
            Ansi::Never => Colour::Never,
            Ansi::Always => Colour::Always,
        }
    }
}
