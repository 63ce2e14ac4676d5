use std::path::PathBuf;

/// What the command line says about the files to load.
/// <https://docs.docker.com/reference/cli/docker/compose/>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadRequest {
    /// `-f`, in order; `-` is standard input. Empty: `COMPOSE_FILE`, else the env rule.
    pub files: Vec<String>,
    /// ENV or `--env`. `None`: the default env.
    pub env: Option<String>,
    /// `--stack`: a directory below `stacks/`.
    pub stack: Option<String>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--env-file`, in order. Empty: `COMPOSE_ENV_FILES`, else `.env`.
    pub env_files: Vec<PathBuf>,
    /// `--profile`, added to `COMPOSE_PROFILES`; `*` activates all.
    pub profiles: Vec<String>,
    /// `config --no-interpolate`: leave `${..}` as written.
    pub keep_variables: bool,
}
