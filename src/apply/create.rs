use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use indexmap::IndexMap;
use tokio::time::{Instant, sleep};

use super::ApplyError;
use crate::engine::{
    ContainerSpec, ContainerStatus, CreatedContainer, Engine, EngineMount, EngineMountKind,
    EngineResult, EngineStream, ErrorKind, NetworkSpec,
};
use crate::observe::labels;
use crate::plan::{FileSource, FileUpload, NewContainer};

/// Makes a container: fills in what only the engine knows, the ids of others by name in `ids`.
pub(super) async fn create(
    engine: &Arc<dyn Engine>,
    container: &NewContainer,
    ids: &HashMap<String, String>,
) -> EngineResult<CreatedContainer> {
    let mut spec = complete(container, ids);
    if !spec.labels.contains_key(labels::IMAGE)
        && let Some(image) = engine.inspect_image(&spec.image).await?
    {
        spec.labels.insert(labels::IMAGE.to_string(), image.id);
    }
    match engine.create_container(&spec).await {
        Err(taken) if taken.kind == ErrorKind::Conflict => match finished(engine, &spec).await? {
            Some(id) => Ok(CreatedContainer {
                id,
                ..CreatedContainer::default()
            }),
            None => Err(taken),
        },
        made => made,
    }
}

/// Makes a network, unless a killed wharf's call makes the same one in this moment; see [`finished`].
pub(super) async fn create_network(
    engine: &Arc<dyn Engine>,
    spec: &NetworkSpec,
) -> EngineResult<()> {
    let Err(taken) = engine.create_network(spec).await else {
        return Ok(());
    };
    // Addresses may be taken as well; then nobody makes a network of this name.
    if taken.kind != ErrorKind::Conflict || !taken.message.contains(&spec.name) {
        return Err(taken);
    }
    let until = Instant::now() + LATE;
    loop {
        match engine.inspect_network(&spec.name).await? {
            Some(network) if is_labelled(&network.labels, &spec.labels) => return Ok(()),
            // The name is given away before the network can be seen.
            None if Instant::now() < until => sleep(Duration::from_millis(50)).await,
            _ => return Err(taken),
        }
    }
}

/// Whether it was made in the same words, which the labels record.
fn is_labelled(found: &IndexMap<String, String>, wanted: &IndexMap<String, String>) -> bool {
    (wanted.iter()).all(|(name, value)| found.get(name) == Some(value))
}

/// How long the engine may take to finish a call whose caller is gone.
const LATE: Duration = Duration::from_secs(5);

/// A container that an earlier wharf, killed meanwhile, has asked for in the same words: the engine finishes such a call, and
/// what it makes may appear only after the engine was observed. `None`: the name is somebody else's.
async fn finished(engine: &Arc<dyn Engine>, spec: &ContainerSpec) -> EngineResult<Option<String>> {
    let until = Instant::now() + LATE;
    loop {
        match engine.inspect_container(&spec.name).await? {
            Some(container) => {
                let is_same = is_labelled(&container.labels, &spec.labels);
                let is_fresh = container.state.status == ContainerStatus::Created;
                return Ok((is_same && is_fresh).then_some(container.id));
            }
            // The name is given away before the container can be seen.
            None if Instant::now() < until => sleep(Duration::from_millis(50)).await,
            None => return Ok(None),
        }
    }
}

fn complete(container: &NewContainer, ids: &HashMap<String, String>) -> ContainerSpec {
    let mut spec = container.spec.clone();
    let id_of = |service: &str| {
        let reference = container.references.get(service)?;
        reference
            .id
            .clone()
            .or_else(|| ids.get(&reference.name).cloned())
    };
    for mode in [&mut spec.network_mode, &mut spec.ipc, &mut spec.pid] {
        let id = mode
            .as_deref()
            .and_then(|mode| mode.strip_prefix("service:"))
            .and_then(id_of);
        if let Some(id) = id {
            *mode = Some(format!("container:{id}"));
        }
    }
    for from in &mut spec.volumes_from {
        if let Some(rest) = from.strip_prefix("service:") {
            let (service, options) = match rest.split_once(':') {
                Some((service, options)) => (service, Some(options)),
                None => (rest, None),
            };
            if let Some(id) = id_of(service) {
                *from = match options {
                    Some(options) => format!("{id}:{options}"),
                    None => id,
                };
            }
        }
    }
    for volume in &container.inherited {
        match spec
            .mounts
            .iter_mut()
            .find(|mount| mount.target == volume.target)
        {
            Some(mount) => mount.source = Some(volume.volume.clone()),
            None => spec.mounts.push(EngineMount::new(
                EngineMountKind::Volume,
                Some(volume.volume.clone()),
                volume.target.clone(),
            )),
        }
    }
    if let Some(probe) = container.start_probe {
        let mut check = spec.healthcheck.take().unwrap_or_default();
        check.start_period = Some(probe.start_period);
        check.start_interval = Some(probe.start_interval);
        spec.healthcheck = Some(check);
    }
    spec
}

/// The files as a tar to be unpacked at the container's root.
pub(super) fn archive(files: &[FileUpload]) -> Result<EngineStream<Bytes>, ApplyError> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let refuse = |source| ApplyError::File {
            path: file.target.clone(),
            target: file.target.clone(),
            source,
        };
        let content = match &file.source {
            FileSource::Content(text) => text.clone().into_bytes(),
            FileSource::Encoded(text) => STANDARD
                .decode(text)
                .map_err(|error| refuse(io::Error::new(io::ErrorKind::InvalidData, error)))?,
            FileSource::Variable(variable) => variable
                .value
                .as_ref()
                .ok_or_else(|| ApplyError::VariableUnset {
                    variable: variable.name.clone(),
                    target: file.target.clone(),
                })?
                .as_str()
                .as_bytes()
                .to_vec(),
            FileSource::Path(path) => std::fs::read(path).map_err(|source| ApplyError::File {
                path: path.clone(),
                target: file.target.clone(),
                source,
            })?,
        };
        let mut header = tar::Header::new_gnu();
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_mode(file.mode);
        header.set_size(content.len() as u64);
        // A fixed time: the same content makes the same archive.
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        builder
            .append_data(
                &mut header,
                file.target.trim_start_matches('/'),
                content.as_slice(),
            )
            .map_err(refuse)?;
    }
    let bytes = builder.into_inner().map_err(|source| ApplyError::File {
        path: "archive".to_string(),
        target: "/".to_string(),
        source,
    })?;
    Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))])))
}
