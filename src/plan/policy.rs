use std::path::PathBuf;

use indexmap::IndexMap;

/// The flags of `up` and `create`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Empty: all.
    pub services: Vec<String>,
    /// Leave dependencies of the selected services alone.
    pub no_deps: bool,
    pub recreate: Recreate,
    /// For dependencies of the selected services.
    pub recreate_dependencies: Recreate,
    pub remove_orphans: bool,
    /// Say nothing of orphans that are left alone.
    pub ignore_orphans: bool,
    /// Networks and volumes of the project that no service uses, too.
    pub all_resources: bool,
    /// Number of containers by service, above what the project says.
    pub scale: IndexMap<String, u32>,
    /// Replaced containers do not hand on their anonymous volumes.
    pub renew_anonymous_volumes: bool,
    /// Seconds until SIGKILL, below zero never; `None`: each container's own.
    pub timeout: Option<i64>,
    pub pull: Pull,
    /// `false`: create only.
    pub start: bool,
    /// End only when everything is ready.
    pub wait: bool,
    /// What the selection's changes would leave behind outside of it follows; Compose leaves it.
    pub follow_outsiders: bool,
    /// Take over a project that runs from another directory.
    pub take_over: bool,
    pub changed_volumes: ChangedVolumes,
    /// Do not start one-shots that ended well and that nothing which starts now waits for; see [`super::reconcile()`].
    pub skip_done_one_shots: bool,
    /// Use the engine's quick health probes while a container starts, where it has them.
    pub quick_probes: bool,
    /// Credentials' socket for `use_api_socket`; `None`: `/var/run/docker.sock`.
    pub api_socket: Option<PathBuf>,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            services: Vec::new(),
            no_deps: false,
            recreate: Recreate::Diverged,
            recreate_dependencies: Recreate::Diverged,
            remove_orphans: false,
            ignore_orphans: false,
            all_resources: false,
            scale: IndexMap::new(),
            renew_anonymous_volumes: false,
            timeout: None,
            pull: Pull::ByService,
            start: true,
            wait: true,
            follow_outsiders: true,
            take_over: false,
            changed_volumes: ChangedVolumes::Replace,
            skip_done_one_shots: true,
            quick_probes: true,
            api_socket: None,
        }
    }
}

/// When an existing container is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When it differs from what is wanted.
    #[default]
    Diverged,
    /// Always.
    Force,
    Never,
}

/// What becomes of a volume that the files describe otherwise by now. A replaced one loses its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedVolumes {
    /// It stays as it is, with a note.
    Keep,
    /// It is replaced when its driver or the driver's options differ. Labels are no reason to lose data.
    Replace,
    /// It is replaced when anything differs, as Compose does after a yes.
    ReplaceRelabelled,
}

/// When images are pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// As `pull_policy` of each service says: `missing` without one.
    #[default]
    ByService,
    Always,
    Missing,
    Never,
}

/// The flags of `down`.
#[derive(Clone, Debug, Default)]
pub struct DownPolicy {
    /// Empty: everything of the project, networks too.
    pub services: Vec<String>,
    pub remove_orphans: bool,
    /// Named volumes of the project and anonymous volumes of its containers, with their data.
    pub volumes: bool,
    pub images: RemoveImages,
    /// Seconds until SIGKILL, below zero never; `None`: each container's own.
    pub timeout: Option<i64>,
    /// Kill instead of stopping, and run no `pre_stop` hooks.
    pub kill: bool,
}

/// Which images `down` removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoveImages {
    #[default]
    None,
    /// Those without a name of their own in the project.
    Local,
    All,
}
