use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;

use super::context::Context;
use super::scope::Scope;
use super::{Exit, Failure};
use crate::archive::{self, Found};
use crate::engine::{Engine, EngineError, EngineStream};
use crate::observe::ObservedContainer;

/// Copy files between a container, running or not, and this machine
///
/// One side is SERVICE:PATH. `-` is a tar archive on standard input or output.
#[derive(Args, Debug)]
pub struct Cp {
    /// Copy into the containers of `run` too, not only into all those of the service
    #[arg(long)]
    pub all: bool,
    /// Keep the owners that the engine knows
    #[arg(short, long)]
    pub archive: bool,
    /// Copy what a symbolic link names instead of the link
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    #[arg(value_name = "[ENV] FROM TO", required = true, num_args = 2..=3)]
    pub words: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Side<'w> {
    Container { service: &'w str, path: &'w str },
    Stream,
    Local(&'w Path),
}

impl<'w> Side<'w> {
    /// A word with a colon names a container unless a path separator comes first.
    fn read(word: &'w str) -> Side<'w> {
        match word.split_once(':') {
            _ if word == "-" => Side::Stream,
            Some((service, path)) if !service.is_empty() && !service.contains('/') => {
                Side::Container { service, path }
            }
            _ => Side::Local(Path::new(word)),
        }
    }
}

impl Cp {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let words = scope.words.clone();
        let [from, to] = words.as_slice() else {
            return Err(Failure::Usage(
                "`cp` needs two paths: `wharf cp [ENV] SERVICE:PATH PATH`, or the other way round"
                    .into(),
            ));
        };
        let (from_word, to_word) = (from, to);
        match (Side::read(from), Side::read(to)) {
            (Side::Container { .. }, Side::Container { .. }) => Err(Failure::Worded {
                message: "both sides are containers; copy to this machine first".into(),
                compose: "copying between services is not supported".into(),
                exit: Exit::USAGE,
            }),
            (Side::Container { service, path }, to) => {
                let engine = context.engine().await?;
                let container = scope.container(&engine, service, self.index).await;
                let container = container.map_err(|failure| none_of(service, failure))?;
                let name = &container.name;
                let telling = Telling::begin(context, name, &format!("{name}:{path}"), to_word);
                let exit = self
                    .take_out(context, engine.as_ref(), &container, path, &to)
                    .await?;
                telling.end();
                Ok(exit)
            }
            (from, Side::Container { service, path }) => {
                let engine = context.engine().await?;
                let targets = self.targets(&scope, &engine, service).await?;
                if targets.len() > 1 && from == Side::Stream {
                    return Err(Failure::Usage(
                        "standard input can be read only once; choose a container with `--index`"
                            .into(),
                    ));
                }
                for container in targets {
                    let name = &container.name;
                    let to = format!("{name}:{path}");
                    let telling = Telling::begin(context, name, from_word, &to);
                    self.put_in(context, engine.as_ref(), &container, &from, path)
                        .await?;
                    telling.end();
                }
                Ok(Exit::OK)
            }
            _ => Err(Failure::Worded {
                message: "no side names a container; write `SERVICE:PATH` for it".into(),
                compose: "unknown copy direction".into(),
                exit: Exit::USAGE,
            }),
        }
    }

    async fn targets(
        &self,
        scope: &Scope,
        engine: &std::sync::Arc<dyn Engine>,
        service: &str,
    ) -> Result<Vec<ObservedContainer>, Failure> {
        let first = scope.container(engine, service, self.index).await;
        let first = first.map_err(|failure| none_of(service, failure))?;
        // One that is chosen by its number, or every one of them.
        if self.index.is_some() {
            return Ok(vec![first]);
        }
        let (_, snapshot) = scope.observe(engine).await?;
        let of_service =
            |one: &ObservedContainer| one.service == service && (self.all || !one.one_off);
        Ok(snapshot.containers.into_iter().filter(of_service).collect())
    }

    /// From a container to this machine.
    async fn take_out(
        &self,
        context: &Context,
        engine: &dyn Engine,
        container: &ObservedContainer,
        path: &str,
        to: &Side<'_>,
    ) -> Result<Exit, Failure> {
        let missing = || Failure::Worded {
            message: format!("container `{}` has no `{path}`", container.name),
            compose: format!(
                "Error response from daemon: Could not find the file {path} in container {}",
                container.name
            ),
            exit: Exit::APPLY,
        };
        let from = match self.follow_link {
            true => archive::followed(engine, &container.id, path).await?,
            false => path.to_owned(),
        };
        let found = archive::look(engine, &container.id, &from).await?;
        let found = found.ok_or_else(missing)?;
        let Side::Local(to) = to else {
            let mut pieces = engine.download_archive(&container.id, &from).await?;
            while let Some(piece) = pieces.next().await {
                context.console.raw_data(&piece?);
            }
            return Ok(Exit::OK);
        };
        let target = local_target(
            &context.environment.working_directory.join(to),
            to,
            path,
            matches!(found, Found::Directory),
        )?;
        let pieces = engine.download_archive(&container.id, &from).await?;
        archive::unpack(pieces, &target).await.map_err(|error| {
            Failure::Apply(format!("cannot write `{}`: {error}", target.display()))
        })?;
        Ok(Exit::OK)
    }

    /// From this machine into a container.
    async fn put_in(
        &self,
        context: &Context,
        engine: &dyn Engine,
        container: &ObservedContainer,
        from: &Side<'_>,
        path: &str,
    ) -> Result<(), Failure> {
        let to = archive::followed(engine, &container.id, path).await?;
        let there = archive::look(engine, &container.id, &to).await?;
        let Side::Local(from) = from else {
            if there != Some(Found::Directory) {
                return Err(Failure::Usage(format!(
                    "`{path}` is not a directory of container `{}`, where an archive can be unpacked",
                    container.name
                )));
            }
            let tar = standard_input();
            engine
                .upload_archive(&container.id, &to, tar, self.archive)
                .await?;
            return Ok(());
        };
        let source = context.environment.working_directory.join(from);
        let known = match self.follow_link {
            true => source.metadata(),
            false => source.symlink_metadata(),
        };
        let is_directory = known
            .map_err(|error| Failure::Usage(format!("cannot read `{}`: {error}", from.display())))?
            .is_dir();
        let text = from.to_string_lossy();
        let (directory, name) =
            container_target(&container.name, &to, path, there, &text, is_directory)?;
        let tar = archive::pack(source, name, self.follow_link);
        engine
            .upload_archive(&container.id, &directory, tar, self.archive)
            .await?;
        Ok(())
    }
}

/// Compose tells of each copy; nothing, under wharf's name.
struct Telling<'c> {
    context: &'c Context,
    line: String,
}

impl<'c> Telling<'c> {
    fn begin(context: &'c Context, container: &str, from: &str, to: &str) -> Self {
        let telling = Telling {
            context,
            line: format!(" {container} copy {from} to {to}"),
        };
        telling.say("Copying");
        telling
    }

    fn say(&self, state: &str) {
        if self.context.globals.as_compose {
            self.context.console.say(&format!("{} {state} ", self.line));
        }
    }

    fn end(self) {
        self.say("Copied");
    }
}

fn none_of(service: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Worded { message, exit, .. } => Failure::Worded {
            message,
            compose: format!("no container found for service {service:?}"),
            exit,
        },
        other => other,
    }
}

/// Whether a path means what is in a directory, not the directory itself.
fn means_contents(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

/// The last part of a path that is a name; `None`: it has none.
fn base_name(path: &str) -> Option<String> {
    let path = path.strip_suffix("/.").unwrap_or(path);
    let name = Path::new(path).file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// Where on this machine the copied path is to be, by the rules of `docker cp`.
fn local_target(
    target: &Path,
    written: &Path,
    from: &str,
    is_directory: bool,
) -> Result<PathBuf, Failure> {
    let wants_directory = written.as_os_str().to_string_lossy().ends_with('/');
    if target.is_dir() {
        return Ok(match base_name(from) {
            Some(name) if !means_contents(from) => target.join(name),
            _ => target.to_path_buf(),
        });
    }
    if is_directory && target.exists() {
        return Err(Failure::Usage(format!(
            "`{from}` is a directory, but `{}` is a file",
            written.display()
        )));
    }
    let parent = target.parent().unwrap_or(target);
    if !is_directory && wants_directory || !parent.is_dir() {
        return Err(Failure::Usage(format!(
            "there is no directory `{}`",
            if parent.is_dir() { written } else { parent }.display()
        )));
    }
    Ok(target.to_path_buf())
}

/// The directory of the container into which a local path goes, and its name there; an empty name means the contents of
/// a directory.
fn container_target(
    container: &str,
    to: &str,
    written: &str,
    there: Option<Found>,
    from: &str,
    is_directory: bool,
) -> Result<(String, String), Failure> {
    let name = || base_name(from).unwrap_or_default();
    match there {
        Some(Found::Directory) if is_directory && means_contents(from) => {
            Ok((to.to_owned(), String::new()))
        }
        Some(Found::Directory) => Ok((to.to_owned(), name())),
        Some(_) if is_directory => Err(Failure::Usage(format!(
            "`{from}` is a directory, but `{written}` is a file in container `{container}`"
        ))),
        None if !is_directory && written.ends_with('/') => Err(Failure::Usage(format!(
            "container `{container}` has no directory `{written}`"
        ))),
        _ => {
            let path = to.trim_end_matches('/');
            let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
            let parent = if parent.is_empty() { "/" } else { parent };
            Ok((parent.to_owned(), last.to_owned()))
        }
    }
}

fn standard_input() -> EngineStream<bytes::Bytes> {
    Box::pin(futures_util::stream::unfold(
        tokio::io::stdin(),
        |mut input| async move {
            let mut buffer = vec![0; 64 * 1024];
            match input.read(&mut buffer).await {
                Ok(0) => None,
                Ok(count) => {
                    buffer.truncate(count);
                    Some((Ok(buffer.into()), input))
                }
                Err(error) => Some((
                    Err(EngineError::new(
                        crate::engine::ErrorKind::Other,
                        format!("cannot read standard input: {error}"),
                    )),
                    input,
                )),
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_container_a_stream_or_a_path() {
        let (service, path) = ("app", "/etc/x:y");
        assert_eq!(
            Side::read("app:/etc/x:y"),
            Side::Container { service, path }
        );
        assert_eq!(Side::read("-"), Side::Stream);
        assert_eq!(Side::read("./a:b"), Side::Local(Path::new("./a:b")));
    }

    #[test]
    fn a_copy_lands_where_docker_cp_puts_it() {
        let target = |to: &str, there, from: &str, is_directory| {
            container_target("c", to, to, there, from, is_directory).ok()
        };
        let at = |directory: &str, name: &str| Some((directory.to_owned(), name.to_owned()));
        let directory = Some(Found::Directory);
        assert_eq!(
            target("/tmp", directory.clone(), "a/f", false),
            at("/tmp", "f")
        );
        assert_eq!(
            target("/tmp", directory.clone(), "d", true),
            at("/tmp", "d")
        );
        assert_eq!(target("/tmp", directory, "d/.", true), at("/tmp", ""));
        assert_eq!(target("/tmp/new", None, "f", false), at("/tmp", "new"));
        assert_eq!(target("/new", None, "d", true), at("/", "new"));
        assert_eq!(target("/tmp/new/", None, "f", false), None);
        assert_eq!(target("/f", Some(Found::File), "d", true), None);
    }

    #[test]
    fn a_copy_out_needs_its_directory() {
        let here = tempfile::tempdir().unwrap();
        let to = |name: &str, from: &str, is_directory| {
            local_target(&here.path().join(name), Path::new(name), from, is_directory).ok()
        };
        assert_eq!(to("", "/etc/hosts", false), Some(here.path().join("hosts")));
        assert_eq!(to("", "/etc/.", true), Some(here.path().join("")));
        assert_eq!(to("new", "/etc", true), Some(here.path().join("new")));
        assert_eq!(to("new/", "/etc/hosts", false), None);
        assert_eq!(to("no/new", "/etc/hosts", false), None);
    }
}
