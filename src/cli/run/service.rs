use std::path::Path;

use indexmap::IndexMap;

use super::Run;
use crate::cli::context::Context;
use crate::cli::pairs::environment_pairs;
use crate::cli::{Exit, Failure};
use crate::diagnostic::{Diagnostics, Severity, render};
use crate::load::{Disk, Environment, Host, dotenv};
use crate::model::Service;
use crate::resolve::{Fragment, Resolved};
use crate::source::{self, Sources};

impl Run {
    /// The service as the command line wants it.
    pub(super) fn service(
        &self,
        context: &Context,
        service: &Service,
        command: Vec<String>,
        tty: bool,
        resolved: &Resolved,
    ) -> Result<Service, Failure> {
        let mut service = service.clone();
        let fragment = Fragment {
            ports: &self.publish,
            volumes: &self.volume,
            entrypoint: self.entrypoint.as_deref(),
        };
        let given = fragment
            .read(&resolved.directory, context.environment.home.as_deref())
            .map_err(Failure::Usage)?;
        if self.entrypoint.is_some() {
            service.entrypoint = given.entrypoint;
            service.command = Some(command);
        } else if !command.is_empty() {
            service.command = Some(command);
        }
        for file in &self.env_from_file {
            let variables = env_file(file, &context.environment)?;
            service.environment.extend(variables);
        }
        service
            .environment
            .extend(environment_pairs(&self.environment, |name| {
                resolved.variables.value(name)
            }));
        service.cap_add.extend(self.cap_add.clone());
        service.cap_drop.extend(self.cap_drop.clone());
        service.tty = Some(tty);
        service.stdin_open = Some(self.keeps_input());
        if let Some(user) = &self.user {
            service.user = Some(user.clone());
        }
        if let Some(workdir) = &self.workdir {
            service.working_dir = Some(workdir.clone());
        }
        if !self.service_ports {
            service.ports.clear();
        }
        service.ports.extend(given.ports);
        service.volumes.extend(given.volumes);
        Ok(service)
    }
}

/// Larger env files are not read, in bytes.
const LARGEST_ENV_FILE: u64 = 1 << 20;

/// The variables of an env file.
fn env_file(
    file: &Path,
    environment: &Environment,
) -> Result<IndexMap<String, Option<String>>, Failure> {
    let path = environment.working_directory.join(file);
    let bytes = Host
        .read(&path, LARGEST_ENV_FILE)
        .map_err(|error| Failure::Worded {
            message: format!("cannot read env file `{}`: {error}", file.display()),
            compose: format!("open {}: {error}", file.display()),
            exit: Exit::USAGE,
        })?;
    let text = source::decode(bytes)
        .map_err(|error| Failure::Usage(format!("env file `{}`: {error}", file.display())))?;
    let mut sources = Sources::default();
    let id = sources.add(&path, &file.display().to_string(), text.as_str());
    let mut findings = Diagnostics::default();
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let read = dotenv::parse(id, &text, &lookup, &|_| None, &mut findings);
    if let Some(finding) = findings.iter().find(|one| one.severity == Severity::Error) {
        return Err(Failure::Usage(render(finding, &sources, false, 100)));
    }
    let values = read.into_iter();
    Ok(values.map(|(name, entry)| (name, entry.value)).collect())
}
