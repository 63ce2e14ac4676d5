//! The typed project: complete, defaulted, with absolute paths. Decoded from the resolved document, whose canonical
//! form (the one `docker compose config --format json` prints) is also the serialised form of these types.

mod build;
mod byte_size;
mod dependency;
mod deploy;
mod duration;
mod file_object;
mod healthcheck;
mod hook;
mod image_only;
mod mount;
mod network;
mod port;
mod project;
mod pull_policy;
mod service;
mod volume;
mod wharf;

pub use build::{Build, BuildSecret, BuildUlimit};
pub use byte_size::ByteSize;
pub use dependency::{Condition, Dependency};
pub use deploy::{
    Deploy, DeviceRequest, Resource, Resources, RestartCondition, RestartPolicy, UpdateConfig,
};
pub use duration::Duration;
pub use file_object::{FileObject, FileReference, Hidden};
pub use healthcheck::Healthcheck;
pub use hook::Hook;
pub use image_only::is_image_only;
pub use mount::{BindOptions, ImageOptions, Mount, MountKind, TmpfsOptions, VolumeOptions};
pub use network::{EndpointConfig, Ipam, IpamPool, Network};
pub use port::{Port, Protocol};
pub use project::Project;
pub use pull_policy::PullPolicy;
pub use service::{
    BlkioConfig, Command, CredentialSpec, Device, Logging, Service, StringOrNumber, ThrottleDevice,
    Ulimit, WeightDevice,
};
pub use volume::Volume;
pub use wharf::{
    ConfigFile, CoveredBy, Needs, RUN_FILES, ReleaseComponent, ReleaseDeclaration, ReleaseLimits,
    ResetDeclaration, ServiceExtension, Severity, SuiteDeclaration, TestDeclaration,
    WharfExtension, artifact_file, artifact_pattern,
};
