use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Operation, Plan, PlanError};
use crate::engine::{EngineMount, EngineMountKind};
use crate::model::{FileObject, FileReference, Hidden, Project, Service};

/// A secret or config that is put into a container before it starts.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUpload {
    /// Absolute path in the container.
    pub target: String,
    pub uid: u64,
    pub gid: u64,
    /// Permission bits.
    pub mode: u32,
    pub source: FileSource,
}

/// Where the content is taken from when the plan is applied; a plan on disk holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// The variable that a secret or config names.
    Variable(SuppliedVariable),
    /// The text of a config.
    Content(String),
    /// In Base64.
    Encoded(String),
    /// An absolute path on wharf's host.
    Path(String),
}

/// A variable, and what it held when the project was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppliedVariable {
    pub name: String,
    /// The key of the secret or config that names it.
    pub object: String,
    /// `None`: the plan was read from a file, see [`Plan::supply`].
    #[serde(skip)]
    pub value: Option<Hidden>,
}

impl Plan {
    /// Gives a plan that was read from a file the values that it does not hold: what `value` says of the key of a secret or config, and
    /// of the variable that it names.
    pub fn supply(&mut self, value: impl Fn(&str, &str) -> Option<Hidden>) {
        for step in &mut self.steps {
            let Operation::UploadFiles { files, .. } = &mut step.operation else {
                continue;
            };
            for file in files {
                if let FileSource::Variable(variable) = &mut file.source {
                    variable.value = value(&variable.object, &variable.name);
                }
            }
        }
    }
}

/// What a service's secrets and configs become.
#[derive(Debug, Default)]
pub(super) struct ServiceFiles {
    pub(super) mounts: Vec<EngineMount>,
    pub(super) uploads: Vec<FileUpload>,
    /// Of the uploads' content. `None`: there are none.
    pub(super) digest: Option<String>,
}

pub(super) fn service_files(
    project: &Project,
    name: &str,
    service: &Service,
) -> Result<ServiceFiles, PlanError> {
    let mut files = ServiceFiles::default();
    let mut hasher = Sha256::new();
    let kinds = [
        ("config", &service.configs, &project.configs),
        ("secret", &service.secrets, &project.secrets),
    ];
    for (kind, references, objects) in kinds {
        for reference in references {
            let object = objects
                .get(&reference.source)
                .ok_or_else(|| PlanError::BadValue {
                    service: name.to_string(),
                    reason: format!(
                        "it uses the {kind} `{}`, which the project does not declare",
                        reference.source
                    ),
                })?;
            add(&mut files, &mut hasher, name, kind, reference, object)?;
        }
    }
    if let Some(upload) = files.uploads.first() {
        if service.read_only == Some(true) {
            return Err(PlanError::Unsupported {
                service: name.to_string(),
                reason: format!(
                    "`{}` cannot be put into a `read_only` container; take its content from a `file`, without `uid`, `gid` and `mode`",
                    upload.target
                ),
            });
        }
        files.digest = Some(hex::encode(hasher.finalize()));
    }
    Ok(files)
}

fn add(
    files: &mut ServiceFiles,
    hasher: &mut Sha256,
    service: &str,
    kind: &'static str,
    reference: &FileReference,
    object: &FileObject,
) -> Result<(), PlanError> {
    if object.external {
        return Err(PlanError::ExternalFile {
            service: service.to_string(),
            kind,
            name: reference.source.clone(),
        });
    }
    let directory = if kind == "secret" {
        "/run/secrets/"
    } else {
        "/"
    };
    let target = match &reference.target {
        None => format!("{directory}{}", reference.source),
        Some(path) if path.starts_with('/') => path.clone(),
        Some(path) => format!("{directory}{path}"),
    };
    let has_owner = reference.uid.is_some() || reference.gid.is_some() || reference.mode.is_some();
    let source = match object {
        FileObject {
            environment: Some(variable),
            ..
        } => {
            let value = object
                .value
                .as_ref()
                .ok_or_else(|| PlanError::VariableUnset {
                    service: service.to_string(),
                    kind,
                    name: reference.source.clone(),
                    variable: variable.clone(),
                })?;
            hasher.update(value.as_str());
            FileSource::Variable(SuppliedVariable {
                name: variable.clone(),
                object: reference.source.clone(),
                value: Some(value.clone()),
            })
        }
        FileObject {
            content: Some(content),
            ..
        } => {
            hasher.update(content);
            FileSource::Content(content.clone())
        }
        FileObject {
            encoded: Some(content),
            ..
        } => {
            hasher.update(content);
            FileSource::Encoded(content.clone())
        }
        FileObject {
            file: Some(path), ..
        } if has_owner => FileSource::Path(path.clone()),
        FileObject {
            file: Some(path), ..
        } => {
            // Not a bind in the short form: of a file that is missing the engine would make a directory.
            files.mounts.push(EngineMount {
                read_only: true,
                ..EngineMount::new(EngineMountKind::Bind, Some(path.clone()), target)
            });
            return Ok(());
        }
        _ => {
            return Err(PlanError::BadValue {
                service: service.to_string(),
                reason: format!(
                    "the {kind} `{}` has no source; give it a `file`, an `environment` variable or, for configs, `content`",
                    reference.source
                ),
            });
        }
    };
    let number = |text: &Option<String>, what: &str| match text {
        None => Ok(0),
        Some(text) => text.parse::<u64>().map_err(|_| PlanError::BadValue {
            service: service.to_string(),
            reason: format!(
                "`{what}: {text}` of {kind} `{}` is not a number",
                reference.source
            ),
        }),
    };
    let mode = match &reference.mode {
        None => 0o444,
        Some(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).map_err(|_| {
            PlanError::BadValue {
                service: service.to_string(),
                reason: format!(
                    "`mode: {text}` of {kind} `{}` is not an octal number such as `0440`",
                    reference.source
                ),
            }
        })?,
    };
    let upload = FileUpload {
        uid: number(&reference.uid, "uid")?,
        gid: number(&reference.gid, "gid")?,
        mode,
        target,
        source,
    };
    hasher.update(format!(
        "\0{}\0{}\0{}\0{:o}\0",
        upload.target, upload.uid, upload.gid, upload.mode
    ));
    files.uploads.push(upload);
    Ok(())
}
