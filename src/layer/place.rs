use indexmap::IndexMap;

use super::LayerError;
use super::rendered::ConfigLayer;
use crate::archive::{self, Found};
use crate::engine::{ContainerSpec, Engine, EngineResult, ErrorKind};
use crate::image::{NewEntry, NewFile};

/// Marks the container in which wharf looks at an image's directories; it never runs.
const LABEL: &str = "wharf.look";

/// What a directory is in the image. `None`: it does not exist.
type Directories = IndexMap<String, Option<archive::Header>>;

/// Finds out where the files of a layer belong in an image: links on the way are followed, and each directory is added
/// with the owner and the mode that it has below, because a layer's directories count more than those below it.
pub(super) async fn entries(
    engine: &dyn Engine,
    image: &str,
    layer: &ConfigLayer,
) -> Result<Vec<NewEntry>, LayerError> {
    let spec = ContainerSpec {
        name: format!("wharf-look-{}", unique()),
        image: image.to_owned(),
        // An image without a command makes no container.
        command: Some(vec!["true".to_owned()]),
        labels: IndexMap::from([(LABEL.to_owned(), String::new())]),
        network_mode: Some("none".to_owned()),
        ..ContainerSpec::default()
    };
    let container = engine.create_container(&spec).await?.id;
    let placed = place(engine, &container, image, layer).await;
    match engine.remove_container(&container, true, true).await {
        Err(error) if error.kind != ErrorKind::NotFound => {
            tracing::warn!(%error, "the container that was looked into stays");
        }
        _ => {}
    }
    placed
}

async fn place(
    engine: &dyn Engine,
    container: &str,
    image: &str,
    layer: &ConfigLayer,
) -> Result<Vec<NewEntry>, LayerError> {
    let mut known = Directories::new();
    let mut files: Vec<NewFile> = Vec::new();
    for file in &layer.files {
        let refuse = |why: String| LayerError::Target {
            image: image.to_owned(),
            target: file.path.clone(),
            why,
        };
        let path = resolve(engine, container, &file.path, &mut known)
            .await?
            .map_err(refuse)?;
        if let Some(Found::Directory) = archive::look(engine, container, &path).await? {
            return Err(refuse("it is a directory there".to_owned()));
        }
        if let Some(at) = files.iter().position(|other| other.path == path) {
            let other = layer.files.get(at).map_or("", |other| other.path.as_str());
            return Err(refuse(format!("`{other}` is the same file there")));
        }
        files.push(NewFile {
            path,
            ..file.clone()
        });
    }
    let mut entries: Vec<NewEntry> = Vec::new();
    known.sort_keys();
    for (path, found) in known {
        if !files.iter().any(|file| is_below(&file.path, &path)) {
            continue;
        }
        let header = found.unwrap_or(archive::Header {
            mode: 0o755,
            ..archive::Header::default()
        });
        entries.push(NewEntry::Directory {
            path,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
        });
    }
    entries.extend(files.into_iter().map(NewEntry::File));
    Ok(entries)
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The path without links in it; what is on the way is remembered in `known`. The inner error is the user's.
async fn resolve(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    known: &mut Directories,
) -> EngineResult<Result<String, String>> {
    let mut left: Vec<String> = parts(path);
    let mut at = String::new();
    let mut links = 0;
    left.reverse();
    while let Some(part) = left.pop() {
        if part == ".." {
            at.truncate(at.rfind('/').unwrap_or(0));
            continue;
        }
        let next = format!("{at}/{part}");
        // Below a directory that is not there, nothing is.
        let is_new = matches!(known.get(&at), Some(None));
        if is_new || known.contains_key(&next) {
            if !left.is_empty() {
                known.entry(next.clone()).or_insert(None);
            }
            at = next;
            continue;
        }
        let found = archive::header(engine, container, &next).await?;
        match found {
            Some((Found::Link(target), _)) => {
                links += 1;
                if links > archive::LINKS {
                    return Ok(Err("links lead in a circle".to_owned()));
                }
                if target.starts_with('/') {
                    at.clear();
                }
                left.extend(parts(&target).into_iter().rev());
                continue;
            }
            Some((Found::File, _)) if !left.is_empty() => {
                return Ok(Err(format!("`{next}` is a file there")));
            }
            Some((_, header)) if !left.is_empty() => {
                known.insert(next.clone(), Some(header));
            }
            None if !left.is_empty() => {
                known.insert(next.clone(), None);
            }
            _ => {}
        }
        at = next;
    }
    Ok(Ok(at))
}

fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

/// Apart from what other processes of this machine, and other calls of this one, make at the same time.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let now = chrono::Utc::now().timestamp_micros();
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{now:x}-{call}", std::process::id())
}
