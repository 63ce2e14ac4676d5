use std::borrow::Cow;

use bollard::errors::Error;
use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptions, ListContainersOptions, RemoveContainerOptions,
    RenameContainerOptions, ResizeContainerTTYOptions, RestartContainerOptions,
    StopContainerOptions, TopOptions, WaitContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt;
use indexmap::IndexMap;

use super::create::{body, restart_policy, throttles, weights};
use super::failure::engine_error;
use super::inspect;
use super::wire::{Call, segment};
use super::{DockerEngine, label_filter};
use crate::build::Reference;
use crate::engine::{
    ConsoleSize, Container, ContainerSpec, ContainerSummary, CreatedContainer, EngineError,
    EngineResult, EngineStream, ErrorKind, LabelFilter, ResourceLimits, RestartPolicySpec,
};

/// Shorter beginnings of an id are taken for names: a service called `db` must not find container `db4f..`.
const SHORTEST_ID: usize = 12;

/// Whether the engine found what was asked for by its name or by enough of its id.
pub(super) fn is_meant(asked: &str, name: &str, id: &str) -> bool {
    let asked = asked.trim_start_matches('/');
    asked == name || asked == id || (asked.len() >= SHORTEST_ID && id.starts_with(asked))
}

impl DockerEngine {
    pub(super) async fn containers(
        &self,
        labels: LabelFilter<'_>,
    ) -> EngineResult<Vec<ContainerSummary>> {
        let options = ListContainersOptions {
            all: true,
            filters: label_filter(labels),
            ..ListContainersOptions::default()
        };
        let rows = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| engine_error("list containers", error))?;
        Ok(rows.into_iter().map(inspect::summary).collect())
    }

    pub(super) async fn container(&self, id: &str) -> EngineResult<Option<Container>> {
        let answer = self
            .docker
            .inspect_container(&segment(id), None::<InspectContainerOptions>)
            .await;
        match answer {
            Ok(answer) => Ok(Some(inspect::container(answer))
                .filter(|found| is_meant(id, &found.name, &found.id))),
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            Err(error) => Err(engine_error(&format!("inspect container `{id}`"), error)),
        }
    }

    pub(super) async fn create(&self, spec: &ContainerSpec) -> EngineResult<CreatedContainer> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
            warnings: Option<Vec<String>>,
        }
        let action = format!("create container `{}`", spec.name);
        let spec = match self.proxies() {
            Ok(proxies) => &with_proxies(spec, proxies),
            Err(_) => spec,
        };
        let (mut body, later) = body(spec, &self.info)?;
        self.keep_command_empty(spec, &mut body).await?;
        let call = Call::post("/containers/create")
            .with("name", &spec.name)
            .with_some("platform", spec.platform.as_ref())
            .json(body);
        let Created { id, warnings } = self.wire.value(&action, call).await?;
        for (network, endpoint) in later {
            if let Err(error) = self.connect_endpoint(network, &id, endpoint).await {
                // Half a container would be taken for a whole one by the next run.
                let removed = self.remove(&id, true, true).await;
                return Err(match removed {
                    Ok(()) => error,
                    Err(left) => EngineError::new(
                        error.kind,
                        format!("{}; it is left behind: {}", error.message, left.message),
                    )
                    .because(error),
                });
            }
        }
        let mut warnings = warnings.unwrap_or_default();
        if let Err(error) = self.proxies() {
            warnings.push(format!("it is told no proxies: {error}"));
        }
        Ok(CreatedContainer { id, warnings })
    }

    /// The engine takes an empty command for none and adds the image's, unless an entrypoint comes with it.
    async fn keep_command_empty(
        &self,
        spec: &ContainerSpec,
        body: &mut serde_json::Value,
    ) -> EngineResult<()> {
        let cleared = spec.command.as_ref().is_some_and(Vec::is_empty);
        if !cleared || spec.entrypoint.is_some() {
            return Ok(());
        }
        if let Some(image) = self.image(&spec.image).await?
            && !image.entrypoint.is_empty()
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("Entrypoint".to_owned(), image.entrypoint.into());
        }
        Ok(())
    }

    pub(super) async fn start(&self, id: &str) -> EngineResult<()> {
        self.docker
            .start_container(&segment(id), None)
            .await
            .map_err(|error| engine_error(&format!("start container `{id}`"), error))
    }

    pub(super) async fn stop(&self, id: &str, grace: Option<i64>) -> EngineResult<()> {
        let options = StopContainerOptions {
            t: grace.map(seconds),
            ..StopContainerOptions::default()
        };
        self.patient
            .stop_container(&segment(id), Some(options))
            .await
            .map_err(|error| engine_error(&format!("stop container `{id}`"), error))?;
        self.settle(id).await;
        Ok(())
    }

    /// Waits until the engine's list tells of a container's end, too. It answers a stop or a kill when the container has ended, and its list
    /// follows when the state is on disk; an inspection waits for that. Whoever lists at once would see it running.
    async fn settle(&self, id: &str) {
        let none = None::<InspectContainerOptions>;
        if let Err(error) = self.docker.inspect_container(&segment(id), none).await {
            tracing::debug!(%error, container = id, "its end cannot be looked at");
        }
    }

    pub(super) async fn restart(&self, id: &str, grace: Option<i64>) -> EngineResult<()> {
        let options = RestartContainerOptions {
            t: grace.map(seconds),
            ..RestartContainerOptions::default()
        };
        self.patient
            .restart_container(&segment(id), Some(options))
            .await
            .map_err(|error| engine_error(&format!("restart container `{id}`"), error))
    }

    pub(super) async fn kill(&self, id: &str, signal: &str) -> EngineResult<()> {
        let options = KillContainerOptions {
            signal: signal.to_owned(),
        };
        self.docker
            .kill_container(&segment(id), Some(options))
            .await
            .map_err(|error| engine_error(&format!("send {signal} to container `{id}`"), error))?;
        self.settle(id).await;
        Ok(())
    }

    pub(super) async fn pause(&self, id: &str) -> EngineResult<()> {
        self.docker
            .pause_container(&segment(id))
            .await
            .map_err(|error| engine_error(&format!("pause container `{id}`"), error))
    }

    pub(super) async fn unpause(&self, id: &str) -> EngineResult<()> {
        self.docker
            .unpause_container(&segment(id))
            .await
            .map_err(|error| engine_error(&format!("unpause container `{id}`"), error))
    }

    pub(super) async fn rename(&self, id: &str, name: &str) -> EngineResult<()> {
        let options = RenameContainerOptions {
            name: name.to_owned(),
        };
        self.docker
            .rename_container(&segment(id), options)
            .await
            .map_err(|error| engine_error(&format!("rename container `{id}` to `{name}`"), error))
    }

    pub(super) async fn update(
        &self,
        id: &str,
        limits: &ResourceLimits,
        restart: Option<&RestartPolicySpec>,
    ) -> EngineResult<()> {
        let body = ContainerUpdateBody {
            cpu_shares: limits.cpu_shares,
            memory: limits.memory,
            blkio_weight: limits.blkio_weight,
            blkio_weight_device: weights(limits),
            blkio_device_read_bps: throttles(&limits.blkio_read_bps),
            blkio_device_write_bps: throttles(&limits.blkio_write_bps),
            blkio_device_read_iops: throttles(&limits.blkio_read_iops),
            blkio_device_write_iops: throttles(&limits.blkio_write_iops),
            cpu_period: limits.cpu_period,
            cpu_quota: limits.cpu_quota,
            cpu_realtime_period: limits.cpu_rt_period,
            cpu_realtime_runtime: limits.cpu_rt_runtime,
            cpuset_cpus: limits.cpuset_cpus.clone(),
            memory_reservation: limits.memory_reservation,
            memory_swap: limits.memory_swap,
            memory_swappiness: limits.memory_swappiness,
            nano_cpus: limits.nano_cpus,
            pids_limit: limits.pids,
            cpu_count: limits.cpu_count,
            cpu_percent: limits.cpu_percent,
            restart_policy: restart.map(restart_policy),
            ..ContainerUpdateBody::default()
        };
        self.docker
            .update_container(&segment(id), body)
            .await
            .map_err(|error| engine_error(&format!("update container `{id}`"), error))
    }

    pub(super) async fn remove(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()> {
        let options = RemoveContainerOptions {
            force,
            v: volumes,
            link: false,
        };
        let removed = self
            .patient
            .remove_container(&segment(id), Some(options))
            .await;
        match removed {
            // Somebody else removes it, or it removes itself: what matters is that it is gone.
            Err(Error::DockerResponseServerError {
                status_code: 409,
                message,
            }) if message.contains("is already in progress") => self.gone(id).await,
            other => {
                other.map_err(|error| engine_error(&format!("remove container `{id}`"), error))
            }
        }
    }

    async fn gone(&self, id: &str) -> EngineResult<()> {
        match self.wait_for(id, "removed").await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }

    pub(super) async fn wait(&self, id: &str) -> EngineResult<i64> {
        self.wait_for(id, "not-running").await
    }

    async fn wait_for(&self, id: &str, condition: &str) -> EngineResult<i64> {
        let action = format!("wait for container `{id}`");
        let options = WaitContainerOptions {
            condition: condition.to_owned(),
        };
        let mut answers = Box::pin(self.patient.wait_container(&segment(id), Some(options)));
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            // bollard takes every code but 0 for a failure of the call.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(engine_error(&action, error)),
            None => Err(EngineError::new(
                ErrorKind::Unreachable,
                format!("cannot {action}: the engine closed the connection before it ended"),
            )),
        }
    }

    pub(super) async fn resize(&self, id: &str, size: ConsoleSize) -> EngineResult<()> {
        let options = ResizeContainerTTYOptions {
            h: size.rows.into(),
            w: size.columns.into(),
        };
        self.docker
            .resize_container_tty(&segment(id), options)
            .await
            .map_err(|error| {
                engine_error(&format!("resize the terminal of container `{id}`"), error)
            })
    }

    pub(super) async fn top(
        &self,
        id: &str,
        arguments: &str,
    ) -> EngineResult<(Vec<String>, Vec<Vec<String>>)> {
        let options = TopOptions {
            ps_args: if arguments.is_empty() {
                "-ef".to_owned()
            } else {
                arguments.to_owned()
            },
        };
        let answer = self
            .docker
            .top_processes(&segment(id), Some(options))
            .await
            .map_err(|error| {
                let error = engine_error(&format!("list the processes of container `{id}`"), error);
                // Podman 4.3 answers 200 with nothing in it.
                match self.info.podman && error.kind == ErrorKind::Other {
                    true => EngineError::new(
                        ErrorKind::Unsupported,
                        format!("cannot list the processes of container `{id}`: Podman {} does not tell them to Docker's clients; ask `podman top`", self.info.version),
                    )
                    .because(error),
                    false => error,
                }
            })?;
        Ok((
            answer.titles.unwrap_or_default(),
            answer.processes.unwrap_or_default(),
        ))
    }

    pub(super) async fn stats(
        &self,
        id: &str,
        follow: bool,
    ) -> EngineResult<EngineStream<serde_json::Value>> {
        let call = Call::get(format!("/containers/{}/stats", segment(id))).with("stream", follow);
        let action = format!("read the statistics of container `{id}`");
        self.wire.values(&action, call).await
    }

    pub(super) async fn export(&self, id: &str) -> EngineResult<EngineStream<Bytes>> {
        let call = Call::get(format!("/containers/{}/export", segment(id)));
        let action = format!("export container `{id}`");
        self.wire.bytes(&action, call).await
    }

    pub(super) async fn commit(
        &self,
        id: &str,
        reference: Option<&str>,
        comment: &str,
        author: &str,
        changes: &[String],
        pause: bool,
    ) -> EngineResult<String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Committed {
            id: String,
        }
        let mut call = Call::post("/commit")
            .with("container", id)
            .with("comment", comment)
            .with("author", author)
            .with("pause", pause)
            .json(serde_json::json!({}));
        if let Some(reference) = reference {
            let named = Reference::of(reference);
            call = call
                .with("repo", named.repository)
                .with_some("tag", named.exact());
        }
        for change in changes {
            call = call.with("changes", change);
        }
        let action = format!("commit container `{id}`");
        let Committed { id } = self.wire.value(&action, call).await?;
        Ok(id)
    }
}

/// A container is told these proxies where its own environment has none.
fn with_proxies<'a>(
    spec: &'a ContainerSpec,
    proxies: &IndexMap<String, String>,
) -> Cow<'a, ContainerSpec> {
    let mut told = Cow::Borrowed(spec);
    for (name, proxy) in proxies {
        if !spec.environment.contains_key(name) {
            let environment = &mut told.to_mut().environment;
            environment.insert(name.clone(), Some(proxy.clone()));
        }
    }
    told
}

/// As the engine takes them: every time below zero is without an end, and what it cannot count is as long as it can.
fn seconds(grace: i64) -> i32 {
    i32::try_from(grace.max(-1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_proxies_unless_it_has_its_own() {
        let mut spec = ContainerSpec::default();
        spec.environment
            .insert("http_proxy".to_owned(), Some(String::new()));
        let proxies = ["http_proxy", "HTTP_PROXY"].map(|name| (name.to_owned(), "p".to_owned()));
        let told = with_proxies(&spec, &IndexMap::from(proxies));
        let told: Vec<_> = told.environment.iter().collect();
        let own = (&"http_proxy".to_owned(), &Some(String::new()));
        assert_eq!(
            told,
            [own, (&"HTTP_PROXY".to_owned(), &Some("p".to_owned()))]
        );
        assert!(matches!(
            with_proxies(&spec, &IndexMap::new()),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_short_name_does_not_find_an_id() {
        let id = "db4f5e6a7b8c9d0e1f";
        assert!(is_meant("db", "db", id));
        assert!(is_meant("/db", "db", id));
        assert!(!is_meant("db", "web", id));
        assert!(is_meant("db4f5e6a7b8c", "web", id));
        assert!(is_meant(id, "web", id));
    }

    #[test]
    fn a_grace_is_never_cut() {
        assert_eq!(seconds(3600), 3600);
        assert_eq!(seconds(0), 0);
        assert_eq!(seconds(i64::MAX), i32::MAX);
        assert_eq!(seconds(-1), -1);
        assert_eq!(seconds(i64::MIN), -1);
    }
}
