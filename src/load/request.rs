use std::path::PathBuf;

use super::RemoteCopies;

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
    /// `--profile`; `*` activates all. Empty: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// `config --no-interpolate`: leave `${..}` as written.
    pub keep_variables: bool,
    /// `config --no-path-resolution`: relative paths stay relative. Those of files elsewhere are written as seen from the directory of
    /// the project or of the model that names these files.
    pub keep_paths: bool,
    /// Whether `UID` and `GID` of the caller are supplied to files that were named (`-f`, `COMPOSE_FILE`, Compose's own
    /// names) too. An env always has them. False where results must be those of `docker compose`.
    pub caller_ids: bool,
    /// Where neither files nor an env are named: only the names that Compose itself looks for, without the env rule.
    pub compose_names: bool,
    /// What was fetched for it. References that are met and not known here come back in `Loaded::wanted`.
    pub remotes: RemoteCopies,
}
