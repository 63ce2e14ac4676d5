use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::{DockerEngine, credentials_for_reference};
use super::options::{CONFIGURATION, ContainerOptions};
use crate::engine::{
    ContainerSpec, ContainerStatus, Engine, EngineError, EngineResult, ErrorKind, ExecSpec,
};
use crate::load::Environment;

/// How often a builder is asked whether it is ready, and how much longer each time is than the one before.
const ATTEMPTS: u32 = 15;
const PAUSE: Duration = Duration::from_millis(120);

/// Has the container of a builder run: makes it where it is missing, and waits until the builder answers where it has not
/// been running.
///
/// # Errors
/// Those of the engine; [`ErrorKind::Unsupported`] where only buildx can make it; a builder that does not answer.
pub(super) async fn run(
    engine: &Arc<DockerEngine>,
    options: &ContainerOptions,
    environment: &Environment,
) -> EngineResult<()> {
    let name = &options.spec.name;
    match engine.inspect_container(name).await? {
        Some(container) if container.state.status == ContainerStatus::Running => return Ok(()),
        Some(_) => {}
        None => make(engine, options, environment).await?,
    }
    engine.start_container(name).await?;
    wait(engine, name).await
}

async fn make(
    engine: &Arc<DockerEngine>,
    options: &ContainerOptions,
    environment: &Environment,
) -> EngineResult<()> {
    if !options.beyond.is_empty() {
        let message = format!(
            "wharf does not make containers of builders with the options {}: have buildx make it (`docker buildx inspect --bootstrap`)",
            options.beyond.join(", ")
        );
        return Err(EngineError::new(ErrorKind::Unsupported, message));
    }
    pull(engine, &options.spec.image, environment).await?;
    let mut spec = ContainerSpec::clone(&options.spec);
    let confinement = engine.confinement().await?;
    if confinement.has_cgroupfs {
        // All builders below one, so that limits can be set on it.
        spec.cgroup_parent
            .get_or_insert_with(|| "/docker/buildx".to_owned());
    } else {
        spec.cgroup_parent = None;
    }
    if confinement.remaps_users {
        spec.userns = Some("host".to_owned());
    }
    match engine.create_container(&spec).await {
        Ok(_) => {}
        // Somebody else makes it at this moment.
        Err(error) if error.kind == ErrorKind::Conflict => return Ok(()),
        Err(error) => return Err(error),
    }
    if options.files.is_empty() {
        return Ok(());
    }
    let archive = packed(options).map_err(|error| {
        EngineError::new(ErrorKind::Other, "cannot pack the builder's files").because(error)
    })?;
    let archive = stream::iter([Ok(Bytes::from(archive))]);
    let parent = CONFIGURATION
        .rsplit_once('/')
        .map_or("/", |(parent, _)| parent);
    engine
        .upload_archive(&spec.name, parent, Box::pin(archive), false)
        .await
}

/// The newest there is, else the one that the engine has.
async fn pull(
    engine: &Arc<DockerEngine>,
    image: &str,
    environment: &Environment,
) -> EngineResult<()> {
    let pulled = async {
        let credentials = credentials_for_reference(environment, image).await?;
        let progress = engine.pull_image(image, None, credentials.as_ref()).await?;
        progress.try_for_each(|_| async { Ok(()) }).await
    };
    let Err(error) = pulled.await else {
        return Ok(());
    };
    match engine.inspect_image(image).await {
        Ok(Some(_)) => {
            tracing::debug!(%error, image, "the builder's image is the one that is here");
            Ok(())
        }
        _ => Err(error),
    }
}

/// The files of a builder as an archive to be unpacked beside [`CONFIGURATION`].
fn packed(options: &ContainerOptions) -> std::io::Result<Vec<u8>> {
    let folder = CONFIGURATION.rsplit('/').next().unwrap_or_default();
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in &options.files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{folder}/{path}"), content.as_slice())?;
    }
    archive.into_inner()
}

async fn wait(engine: &Arc<DockerEngine>, container: &str) -> EngineResult<()> {
    let mut attempt = 0;
    loop {
        let Err(said) = ask(engine, container).await? else {
            return Ok(());
        };
        attempt += 1;
        if attempt > ATTEMPTS {
            let message = format!(
                "the builder in container `{container}` does not answer: {said}; `docker logs {container}` may say why"
            );
            return Err(EngineError::new(ErrorKind::Unreachable, message));
        }
        tokio::time::sleep(PAUSE * attempt).await;
    }
}

/// Whether the builder answers; the inner error is what it says instead.
async fn ask(engine: &Arc<DockerEngine>, container: &str) -> EngineResult<Result<(), String>> {
    let spec = ExecSpec {
        command: ["buildctl", "debug", "workers"].map(str::to_owned).into(),
        attach_stdout: true,
        attach_stderr: true,
        ..ExecSpec::default()
    };
    let (id, mut attached) = engine.exec(container, &spec).await?;
    let mut said = Vec::new();
    while let Some(chunk) = attached.output.next().await {
        said.extend_from_slice(&chunk?.bytes);
    }
    let outcome = engine.exec_outcome(&id).await?;
    Ok(match outcome.exit_code {
        Some(0) => Ok(()),
        _ => Err(String::from_utf8_lossy(&said).trim().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::store::Instance;
    use super::super::store::tests::ONE;
    use super::*;

    #[test]
    fn files_go_below_the_configuration() {
        let one: Instance = serde_json::from_str(ONE).unwrap();
        let options = ContainerOptions::of(&one.nodes[0]).unwrap();
        let packed = packed(&options).unwrap();
        let mut archive = tar::Archive::new(packed.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(paths, ["buildkit/buildkitd.toml"]);
    }
}
