//! A project as an OCI artifact: what must be asked before its files leave, and what is pushed.

mod artifact;
mod check;
mod files;
mod push;
mod question;
mod raw;

pub use artifact::{
    Artifact, Blob, Descriptor, ENV_FILE, ENV_FILE_NAME, FILE, FILE_NAME, INDEX, IS_EXTENDED,
    Layer, OciVersion, PROJECT, PROJECT_CONFIG, index,
};
pub use check::{
    BindMounts, Declared, bind_mounts, built_only, declared, local_include, sensitive,
};
pub use files::{PublishError, Published, layers};
pub use push::{push, push_images};
pub use question::{
    about_bind_mounts, about_configs, about_environment, about_secrets, about_values,
    refusal_of_builds, refusal_of_environment,
};
pub use raw::{RawFile, RawFiles};
