use std::collections::HashSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::build;
use super::carry_out::planning;
use super::configured;
use super::context::{Context, Purpose};
use super::shipped::{self, Remembered, Shipped};
use super::{Exit, Failure, interrupt};
use crate::apply::{CancelLevel, Options};
use crate::diagnostic::{Diagnostic, render};
use crate::engine::docker::{Address, DockerEngine};
use crate::engine::{Engine, ErrorKind};
use crate::layer::ConfigLayer;
use crate::load::Environment;
use crate::observe::Snapshot;
use crate::plan::{Policy, reconcile, service_order};
use crate::report::ShipView;
use crate::resolve::Resolved;
use crate::ship::{
    Delivered, Release, Server, ShipError, ShipEvent, ShipImage, ShipOptions, Shipment, Spool,
    pinned, unfit,
};
use crate::source::Path;

/// Send images straight to servers, and bring the env up there
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Ship {
    #[command(subcommand)]
    pub other: Option<Other>,
    /// Send everything that a start there needs, and leave what runs as it is; the next `ship` only starts it
    #[arg(long)]
    pub prepare: bool,
    #[command(flatten)]
    pub how: How,
}

#[derive(Subcommand, Debug)]
pub enum Other {
    /// Run the release before the current one again
    Rollback(Back),
    /// List the releases that servers remember
    List(How),
}

#[derive(Args, Debug)]
pub struct Back {
    /// The release, by its number
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u32>,
    #[command(flatten)]
    pub how: How,
}

#[derive(Args, Debug)]
pub struct How {
    /// How many releases beside the current one a server keeps
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub keep: usize,
    /// Build no image, even if it is missing
    #[arg(long)]
    pub no_build: bool,
    /// Take over a project of this name that was not shipped
    #[arg(long)]
    pub take_over: bool,
    /// Give up waiting for health after that many seconds
    #[arg(long, value_name = "SECONDS")]
    pub wait_timeout: Option<u64>,
    /// `text`, or the result as `json`
    #[arg(long, value_parser = ["text", "json"], value_name = "FORMAT", default_value = "text")]
    pub format: String,
    #[arg(value_name = "[ENV] ssh://[USER@]HOST", required = true)]
    pub words: Vec<String>,
}

impl Ship {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.other {
            None => self.how.ship(context, self.prepare).await,
            Some(Other::Rollback(back)) => back.run(context).await,
            Some(Other::List(how)) => how.list(context).await,
        }
    }
}

impl How {
    /// The words of the env, and the servers.
    fn split(&self, context: &Context) -> Result<(Vec<String>, Vec<String>), Failure> {
        if context.globals.dry_run {
            return Err(Failure::Usage(
                "`ship` cannot be tried with `--dry-run`; `wharf plan prod -H ssh://..` says what `up` would do there".into(),
            ));
        }
        let (servers, mut words): (Vec<String>, Vec<String>) = self
            .words
            .iter()
            .cloned()
            .partition(|word| word.contains("://"));
        if let Some(other) = servers.iter().find(|server| !server.starts_with("ssh://")) {
            return Err(Failure::Usage(format!(
                "`{other}` cannot be shipped to: servers are `ssh://[USER@]HOST[:PORT]`"
            )));
        }
        if servers.is_empty() {
            return Err(Failure::Usage(
                "`ship` needs a server: `wharf ship [ENV] ssh://[USER@]HOST`".into(),
            ));
        }
        let prod = "prod".to_owned();
        if words.is_empty()
            && context.globals.env.is_none()
            && !context.files_are_named()
            && context.envs().contains(&prod)
        {
            words.push(prod);
        }
        Ok((servers, words))
    }

    fn is_json(&self) -> bool {
        self.format == "json"
    }

    fn options(&self, context: &Context) -> ShipOptions {
        ShipOptions {
            apply: Options {
                concurrency: 4,
                wait_timeout: self.wait_timeout.map(std::time::Duration::from_secs),
                ..context.apply_options()
            },
            keep: self.keep,
            take_over: self.take_over,
            prepare: false,
        }
    }

    async fn ship(&self, context: &Context, prepare: bool) -> Result<Exit, Failure> {
        let (addresses, words) = self.split(context)?;
        let scope = context.project(&words, Purpose::Run)?;
        let named = scope.services()?;
        if let Some(name) = named.first() {
            // What runs on a server is one release: a part of it would take the rest away.
            return Err(Failure::Usage(format!(
                "`ship` brings up a whole env, and `{name}` is one service of it\nhelp: leave `{name}` out: what has not changed is not sent, and goes on running"
            )));
        }
        let resolved = scope.into_resolved()?;
        check(context, &resolved)?;
        let project = &resolved.project;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let policy = Policy::default();
        let mode = match self.no_build {
            true => build::BuildMode::Never,
            false => context.default_build_mode(),
        };
        build::for_services(context, &docker, project, &resolved, &policy, mode, &cancel).await?;
        let (sender, heard) = mpsc::unbounded_channel();
        // What there is to send is found out meanwhile.
        let connecting = connect(&addresses, &project.name, &context.environment, &sender);
        let mut shipment = Shipment {
            project: pinned(project).map_err(|error| Failure::Apply(error.to_string()))?,
            ..Shipment::default()
        };
        let needed = service_order(project, &[], true).map_err(planning)?;
        shipment
            .project
            .services
            .retain(|name, _| needed.contains(name));
        for name in &needed {
            let Some(service) = project.services.get(name) else {
                continue;
            };
            let reference = service.image_name(&project.name, name);
            match docker.inspect_image(&reference).await? {
                Some(image) => {
                    let image = ShipImage::of(&reference, image);
                    shipment.images.insert(name.clone(), image);
                }
                None if service.build.is_some() => {
                    return Err(Failure::Apply(format!(
                        "image `{reference}` of service `{name}` is not on this machine's engine\nhelp: `wharf build` makes it"
                    )));
                }
                None => {}
            }
        }
        // What cannot be planned at all is said before anything is sent.
        let snapshot = Snapshot {
            project: project.name.clone(),
            ..Snapshot::default()
        };
        let dry = Policy {
            ..Policy::default()
        };
        if let Err(error) = reconcile(&shipment.project, &snapshot, &dry)
            && matches!(error, crate::plan::PlanError::Unsupported { .. })
        {
            return Err(planning(error));
        }
        let shipments = self
            .configured(context, &docker, &resolved, &addresses, &needed, &shipment)
            .await?;
        let options = ShipOptions {
            prepare,
            ..self.options(context)
        };
        let shipping = async {
            let mut servers = connected(connecting).await;
            let asking = servers
                .iter_mut()
                .zip(&shipments)
                .map(|(server, shipment)| async move {
                    match server {
                        Ok(server) => Some(server.lacks(shipment).await),
                        Err(_) => None,
                    }
                });
            let mut images: Vec<ShipImage> = Vec::new();
            let mut layers: HashSet<String> = HashSet::new();
            let lacks = join_all(asking).await;
            for (server, lack) in servers.iter_mut().zip(lacks) {
                match lack {
                    Some(Ok(lack)) => {
                        images.extend(lack.images.into_iter().filter(|image| {
                            // Each once, however many servers lack it.
                            layers.insert(image.id.clone())
                        }));
                        layers.extend(lack.layers);
                    }
                    Some(Err(error)) => *server = Err(error),
                    None => {}
                }
            }
            for image in &images {
                layers.remove(&image.id);
            }
            let base = spools(context);
            let spool = tokio::select! {
                spool = Spool::fill(&base, &docker, &images, &layers) => spool?,
                () = cancel.reached(CancelLevel::Finish) => return Err(ShipError::Interrupted),
            };
            let spool = &spool;
            let (options, cancel) = (&options, &cancel);
            let delivering =
                servers
                    .into_iter()
                    .zip(&shipments)
                    .map(|(server, shipment)| async move {
                        let mut server = server?;
                        tokio::select! {
                            done = server.deliver(shipment, spool, options, cancel) => done,
                            () = cancel.reached(CancelLevel::Now) => Err(ShipError::Interrupted),
                        }
                    });
            let done = join_all(delivering).await;
            Ok(done)
        };
        let done = show(context, &addresses, shipping, heard, sender.clone()).await;
        conclude(context, self, &addresses, done)
    }

    /// The shipment for each server: where a service has a configuration, its image has it as the last layer, rendered for
    /// that server. It is made here and not loaded into this machine's engine.
    async fn configured(
        &self,
        context: &Context,
        docker: &DockerEngine,
        resolved: &Resolved,
        addresses: &[String],
        services: &[String],
        shipment: &Shipment,
    ) -> Result<Vec<Shipment>, Failure> {
        let project = &resolved.project;
        // Most templates are the same for all servers.
        let mut made: Vec<(String, ConfigLayer, ShipImage)> = Vec::new();
        let mut shipments = Vec::new();
        for address in addresses {
            let host = match address.parse() {
                Ok(Address::Ssh(server)) => server.host,
                Ok(_) => String::new(),
                Err(message) => return Err(Failure::Usage(message)),
            };
            let sources = &resolved.sources;
            let mut own = shipment.clone();
            for (service, layer) in
                configured::layers(context, project, sources, services, Some(&host))?
            {
                let Some(base) = shipment.images.get(&service) else {
                    return Err(Failure::Apply(format!(
                        "the image of service `{service}` is not on this machine's engine, and `x-wharf.config` adds files to it\nhelp: `wharf pull` or `wharf build` brings it"
                    )));
                };
                let same = made
                    .iter()
                    .find(|(of, with, _)| *of == service && *with == layer);
                let image = match same {
                    Some((_, _, image)) => image.clone(),
                    None => {
                        let thin = crate::layer::assemble(docker, &base.id, &layer)
                            .await
                            .map_err(|error| configured::failure(context, sources, &error))?;
                        let name = crate::layer::image_name(&project.name, &service);
                        let image = ShipImage::made(&name, base, thin);
                        made.push((service.clone(), layer, image.clone()));
                        image
                    }
                };
                if let Some(definition) = own.project.services.get_mut(&service) {
                    definition.image = Some(image.name.clone());
                }
                own.images.insert(service, image);
            }
            shipments.push(own);
        }
        Ok(shipments)
    }

    async fn list(&self, context: &Context) -> Result<Exit, Failure> {
        let (addresses, words) = self.split(context)?;
        let scope = context.identify(&words)?;
        let (sender, _heard) = mpsc::unbounded_channel();
        let mut remembered = Vec::new();
        for address in &addresses {
            let server = Server::connect(address, &context.environment, sender.clone())
                .await
                .map_err(failure)?;
            for one in server.releases(scope.name()).await.map_err(failure)? {
                let Release {
                    number, created, ..
                } = one.release;
                remembered.push(Remembered::new(
                    address,
                    number,
                    created,
                    one.is_current,
                    one.came_up,
                ));
            }
        }
        context.console.data(&match self.is_json() {
            true => json(&remembered)?,
            false => shipped::list(&remembered, context.table_width()),
        });
        Ok(Exit::OK)
    }
}

impl Back {
    async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let (addresses, words) = self.how.split(context)?;
        let scope = context.identify(&words)?;
        let project = scope.name().to_owned();
        let cancel = interrupt::listen();
        let options = self.how.options(context);
        let (sender, heard) = mpsc::unbounded_channel();
        let going_back = async {
            let each = addresses.iter().map(|address| async {
                let mut server =
                    Server::connect(address, &context.environment, sender.clone()).await?;
                server.roll_back(&project, self.to, &options, &cancel).await
            });
            Ok(join_all(each).await)
        };
        let done = show(context, &addresses, going_back, heard, sender.clone()).await;
        conclude(context, &self.how, &addresses, done)
    }
}

type Results = Result<Vec<Result<Delivered, ShipError>>, ShipError>;

/// Shows what happens until the work is done.
async fn show(
    context: &Context,
    addresses: &[String],
    work: impl Future<Output = Results>,
    mut heard: mpsc::UnboundedReceiver<ShipEvent>,
    sender: mpsc::UnboundedSender<ShipEvent>,
) -> Results {
    let mut view = ShipView::new(context.progress(), addresses.len() > 1);
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            biased;
            Some(event) = heard.recv() => view.show(&event),
            done = &mut work => break done,
        }
    };
    drop(sender);
    while let Ok(event) = heard.try_recv() {
        view.show(&event);
    }
    view.end();
    done
}

/// What became of each server, then what failed.
fn conclude(
    context: &Context,
    how: &How,
    addresses: &[String],
    done: Results,
) -> Result<Exit, Failure> {
    let done = done.map_err(failure)?;
    let results: Vec<Shipped> = addresses
        .iter()
        .zip(&done)
        .map(|(address, done)| Shipped::of(address, done))
        .collect();
    let mut failed: Vec<(&String, ShipError)> = addresses
        .iter()
        .zip(done)
        .filter_map(|(address, done)| Some((address, done.err()?)))
        .collect();
    if how.is_json() {
        context.console.data(&json(&results)?);
    } else if addresses.len() > 1 || failed.is_empty() {
        let table = shipped::table(&results, context.table_width());
        context.console.data(&table);
    }
    let nothing_answers = failed.len() == addresses.len()
        && failed.iter().all(|(_, error)| {
            matches!(error, ShipError::Engine(error) if error.kind == ErrorKind::Unreachable)
        });
    let is_interrupted = failed
        .iter()
        .any(|(_, error)| matches!(error, ShipError::Interrupted));
    if nothing_answers || addresses.len() == 1 {
        let last = failed.pop().map(|(_, error)| failure(error));
        tell(context, &failed);
        return last.map_or(Ok(Exit::OK), Err);
    }
    tell(context, &failed);
    match failed.is_empty() {
        true => Ok(Exit::OK),
        false if is_interrupted => Err(Failure::Interrupted),
        false => Err(Failure::Told),
    }
}

fn json(what: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(what).map_err(anyhow::Error::from)?)
}

fn tell(context: &Context, failed: &[(&String, ShipError)]) {
    for (address, error) in failed {
        let said = shipped::reason(error);
        let whose = match said.contains(address.as_str()) {
            true => String::new(),
            false => format!("{address}: "),
        };
        context.console.error(&format!("{whose}{said}"));
    }
}

fn failure(error: ShipError) -> Failure {
    match error {
        ShipError::Interrupted => Failure::Interrupted,
        ShipError::Engine(error) if error.kind == ErrorKind::Unreachable => Failure::Engine(error),
        other => Failure::Apply(other.to_string()),
    }
}

/// What cannot work on a server is said with its lines, before anything is sent.
fn check(context: &Context, resolved: &Resolved) -> Result<(), Failure> {
    let entry = |service: &str, attribute: &str, entry: usize| {
        resolved
            .document
            .at(&Path::keys(["services", service, attribute]))
            .and_then(|node| node.as_sequence()?.get(entry))
    };
    let is_written_relative = |service: &str, attribute: &str, at: usize| {
        let source = entry(service, attribute, at).and_then(|node| {
            let long = node.as_mapping().and_then(|mount| mount.get("source"));
            long.unwrap_or(node).as_str()
        });
        source.is_some_and(|source| source.starts_with(['.', '~']))
    };
    let found = unfit(&resolved.project, &context.disk, is_written_relative);
    for one in &found {
        let mut finding = Diagnostic::error("cannot-ship", &one.message).help(&one.help);
        let place = entry(&one.service, one.attribute, one.entry)
            .map(|node| node.span)
            .filter(|span| span.is_some());
        if let Some(place) = place {
            finding = finding.at(place, "this lies on this machine only");
        }
        let console = &context.console;
        console.insist(&render(
            &finding,
            &resolved.sources,
            console.talk_has_colour(),
            console.width(),
        ));
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Failure::Project)
    }
}

/// Opens the connections to the servers, each with the lock of the project; they are given up when this is dropped.
fn connect(
    addresses: &[String],
    project: &str,
    environment: &Environment,
    events: &mpsc::UnboundedSender<ShipEvent>,
) -> JoinSet<(usize, Result<Server, ShipError>)> {
    let mut connecting = JoinSet::new();
    for (at, address) in addresses.iter().cloned().enumerate() {
        let (environment, events) = (environment.clone(), events.clone());
        let project = project.to_owned();
        connecting.spawn(async move {
            let mut connected = Server::connect(&address, &environment, events).await;
            if let Ok(server) = &mut connected {
                server.reserve(&project);
            }
            (at, connected)
        });
    }
    connecting
}

/// In the order of the addresses.
async fn connected(
    connecting: JoinSet<(usize, Result<Server, ShipError>)>,
) -> Vec<Result<Server, ShipError>> {
    let mut servers = connecting.join_all().await;
    servers.sort_by_key(|(at, _)| *at);
    servers.into_iter().map(|(_, server)| server).collect()
}

/// Where compressed layers lie while they are sent.
fn spools(context: &Context) -> PathBuf {
    context.cache_directory().unwrap_or_else(std::env::temp_dir)
}
