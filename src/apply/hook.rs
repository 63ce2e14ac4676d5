use futures_util::StreamExt;

use super::perform::Failure;
use super::probe::run_exec;
use super::schedule::Execution;
use super::{ApplyError, EventKind, create};
use crate::engine::{EngineResult, ErrorKind, ExecSpec, LogOptions};
use crate::model::Hook;
use crate::plan::{ContainerRef, HookMoment, NewContainer};

/// Output lines that an error about a hook shows.
const SHOWN: usize = 20;

impl Execution<'_> {
    /// Runs a hook in its container, telling its output line by line.
    pub(super) async fn run_hook(
        &self,
        step: usize,
        container: &ContainerRef,
        moment: HookMoment,
        hook: &Hook,
    ) -> Result<(), Failure> {
        let id = self.id(container)?;
        let spec = ExecSpec::of_hook(hook);
        let mut lines = Lines::new(|line: &str| self.tell(step, container, line));
        let (exit_code, _) = run_exec(&self.engine, &id, &spec, |bytes| lines.add(bytes)).await?;
        let output = lines.end();
        if exit_code == 0 {
            return Ok(());
        }
        Err(Failure::Explained(ApplyError::Hook {
            service: container.service.clone(),
            container: container.name.clone(),
            moment: match moment {
                HookMoment::PostStart => "post_start",
                HookMoment::PreStop => "pre_stop",
            },
            command: hook.command.join(" "),
            exit_code,
            output,
        }))
    }

    /// Runs a container of its own to its end and removes it.
    pub(super) async fn run_init(
        &self,
        step: usize,
        container: &ContainerRef,
        init: &NewContainer,
    ) -> Result<(), Failure> {
        let engine = &self.engine;
        // An interrupted run may have left one of this name.
        match engine.remove_container(&init.name, true, true).await {
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let id = create::create(engine, init, &self.made()).await?.id;
        let ended = self.follow_init(step, container, &id, init.spec.tty).await;
        let removed = engine.remove_container(&id, true, true).await;
        let (exit_code, output) = ended?;
        removed?;
        if exit_code == 0 {
            return Ok(());
        }
        Err(Failure::Explained(ApplyError::Hook {
            service: container.service.clone(),
            container: container.name.clone(),
            moment: "pre_start",
            command: init.spec.command.clone().unwrap_or_default().join(" "),
            exit_code,
            output,
        }))
    }

    async fn follow_init(
        &self,
        step: usize,
        container: &ContainerRef,
        id: &str,
        tty: bool,
    ) -> EngineResult<(i64, Vec<String>)> {
        self.engine.start_container(id).await?;
        let options = LogOptions {
            follow: true,
            tty,
            ..LogOptions::default()
        };
        let mut lines = Lines::new(|line: &str| self.tell(step, container, line));
        let mut log = self.engine.container_logs(id, &options).await?;
        while let Some(line) = log.next().await {
            lines.add(&line?.bytes);
            lines.add(b"\n");
        }
        let exit_code = self.engine.wait_container(id).await?;
        Ok((exit_code, lines.end()))
    }

    fn tell(&self, step: usize, container: &ContainerRef, line: &str) {
        self.events.send(EventKind::HookOutput {
            step,
            service: container.service.clone(),
            container: container.name.clone(),
            line: line.to_string(),
        });
    }
}

/// Cuts pieces of output into lines.
pub(super) struct Lines<F> {
    hear: F,
    rest: Vec<u8>,
    last: Vec<String>,
}

impl<F: FnMut(&str)> Lines<F> {
    pub(super) fn new(hear: F) -> Self {
        Lines {
            hear,
            rest: Vec::new(),
            last: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line);
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let line = String::from_utf8_lossy(bytes).trim_end().to_string();
        (self.hear)(&line);
        self.last.push(line);
        if self.last.len() > SHOWN {
            self.last.remove(0);
        }
    }

    /// The last lines, a last one without its end included.
    pub(super) fn end(mut self) -> Vec<String> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.line(&rest);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_across_pieces() {
        let mut heard = Vec::new();
        let mut lines = Lines::new(|line: &str| heard.push(line.to_string()));
        for piece in ["a", "b\nc\r\n", "", "d"] {
            lines.add(piece.as_bytes());
        }
        assert_eq!(lines.end(), ["ab", "c", "d"]);
        assert_eq!(heard, ["ab", "c", "d"]);
    }
}
