use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bollard_buildkit_proto::fsutil::types::{Packet, Stat, packet::PacketType};
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::stat::stat;
use crate::build::walk::{Selection, walk};

/// Bytes of file content in one message.
const CHUNK: usize = 64 << 10;
/// Messages that wait for the network at most: bounds the memory that a build takes.
const WAITING: usize = 32;

/// What the engine may copy from this side, by the name that it asks for.
#[derive(Debug, Default)]
pub(super) struct FileSync(pub HashMap<String, Tree>);

/// A tree of files.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Directory(PathBuf),
    /// File names and contents, sorted by name; no directories.
    Memory(Vec<(String, Vec<u8>)>),
}

type PacketResult = Result<Packet, Status>;

#[tonic::async_trait]
impl file_sync_server::FileSync for FileSync {
    type DiffCopyStream = Pin<Box<dyn Stream<Item = PacketResult> + Send>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let options = request.metadata();
        let name = values(options, "dir-name").pop().unwrap_or_default();
        let tree = self
            .0
            .get(&name)
            .cloned()
            .ok_or_else(|| Status::not_found(format!("there is no context `{name}`")))?;
        let include = values(options, "include-patterns");
        let exclude = values(options, "exclude-patterns");
        let follow = options
            .contains_key("followpaths")
            .then(|| values(options, "followpaths"));
        tracing::debug!(
            context = name,
            ?include,
            ?exclude,
            ?follow,
            "the engine asks for files"
        );
        let (packets, stream) = mpsc::channel(WAITING);
        let (requests, wanted) = mpsc::unbounded_channel();
        let sender = packets.clone();
        tokio::task::spawn_blocking(move || {
            let sent = match &tree {
                Tree::Directory(root) => Selection::new(root, include, exclude, follow)
                    .map_err(|error| Status::invalid_argument(error.to_string()))
                    .and_then(|selection| send_directory(root, &selection, &sender, wanted)),
                Tree::Memory(files) => send_memory(files, &sender, wanted),
            };
            if let Err(error) = sent {
                let _ = sender.blocking_send(Err(error));
            }
        });
        tokio::spawn(listen(request.into_inner(), requests, packets));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    type TarStreamStream = Self::DiffCopyStream;

    async fn tar_stream(
        &self,
        _: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("only `DiffCopy` is offered"))
    }
}

/// Passes the engine's wishes on until it has all it wants.
async fn listen(
    mut incoming: Streaming<Packet>,
    requests: mpsc::UnboundedSender<u32>,
    packets: mpsc::Sender<PacketResult>,
) {
    while let Some(Ok(packet)) = incoming.next().await {
        match packet.r#type() {
            PacketType::PacketReq => {
                if requests.send(packet.id).is_err() {
                    return;
                }
            }
            PacketType::PacketFin => {
                let _ = packets.send(Ok(packet_of(PacketType::PacketFin))).await;
                return;
            }
            PacketType::PacketErr => {
                let message = String::from_utf8_lossy(&packet.data);
                tracing::debug!(%message, "the engine gives a transfer up");
                return;
            }
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

fn send_directory(
    root: &Path,
    selection: &Selection,
    packets: &mpsc::Sender<PacketResult>,
    mut wanted: mpsc::UnboundedReceiver<u32>,
) -> Result<(), Status> {
    // The engine asks by position in what it was told; `None` stands for what has no content.
    let mut told: Vec<Option<Box<str>>> = Vec::new();
    walk(root, selection, &mut |entry| {
        told.push(entry.has_content().then(|| entry.path.as_str().into()));
        packets.blocking_send(Ok(stat_packet(stat(entry)))).is_ok()
    })
    .map_err(|error| Status::failed_precondition(format!("the context cannot be read: {error}")))?;
    let _ = packets.blocking_send(Ok(packet_of(PacketType::PacketStat)));
    let mut buffer = vec![0; CHUNK];
    while let Some(id) = wanted.blocking_recv() {
        let path = told
            .get(id as usize)
            .and_then(Option::as_deref)
            .ok_or_else(|| Status::invalid_argument(format!("file {id} has no content")))?;
        let path = root.join(path);
        let refuse = |error: std::io::Error| {
            Status::failed_precondition(format!("`{}` cannot be read: {error}", path.display()))
        };
        let mut file = File::open(&path).map_err(refuse)?;
        loop {
            let read = file.read(&mut buffer).map_err(refuse)?;
            if packets
                .blocking_send(Ok(data_packet(id, &buffer[..read])))
                .is_err()
            {
                return Ok(());
            }
            if read == 0 {
                break;
            }
        }
    }
    Ok(())
}

fn send_memory(
    files: &[(String, Vec<u8>)],
    packets: &mpsc::Sender<PacketResult>,
    mut wanted: mpsc::UnboundedReceiver<u32>,
) -> Result<(), Status> {
    for (name, content) in files {
        // The engine keeps what it got last time and compares size and date only, so the date has to change with the
        // content.
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let stat = Stat {
            path: name.clone(),
            mode: 0o644,
            size: i64::try_from(content.len()).unwrap_or(i64::MAX),
            mod_time: (hasher.finish() >> 4) as i64,
            ..Stat::default()
        };
        let _ = packets.blocking_send(Ok(stat_packet(stat)));
    }
    let _ = packets.blocking_send(Ok(packet_of(PacketType::PacketStat)));
    while let Some(id) = wanted.blocking_recv() {
        let (_, content) = files
            .get(id as usize)
            .ok_or_else(|| Status::invalid_argument(format!("there is no file {id}")))?;
        for chunk in content.chunks(CHUNK).chain([[].as_slice()]) {
            let _ = packets.blocking_send(Ok(data_packet(id, chunk)));
        }
    }
    Ok(())
}

fn packet_of(kind: PacketType) -> Packet {
    Packet {
        r#type: kind.into(),
        ..Packet::default()
    }
}

fn stat_packet(stat: Stat) -> Packet {
    Packet {
        stat: Some(stat),
        ..packet_of(PacketType::PacketStat)
    }
}

fn data_packet(id: u32, data: &[u8]) -> Packet {
    Packet {
        id,
        data: data.to_vec(),
        ..packet_of(PacketType::PacketData)
    }
}

/// All values of a header; newer engines percent-encode values that are not ASCII and say so in a header of its own.
fn values(metadata: &MetadataMap, key: &str) -> Vec<String> {
    let encoded = metadata
        .get(format!("{key}-encoded"))
        .is_some_and(|flag| flag == "1" || flag == "true");
    metadata
        .get_all(key)
        .iter()
        .map(|value| {
            if encoded {
                query_unescape(value.as_bytes())
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }
        })
        .collect()
}

fn query_unescape(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let digit = |at: usize| tail.get(at).and_then(|digit| (*digit as char).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_encoded_and_plain_headers() {
        let mut metadata = MetadataMap::new();
        metadata.append("exclude-patterns", "a%2Bb+c".parse().unwrap());
        assert_eq!(values(&metadata, "exclude-patterns"), ["a%2Bb+c"]);
        metadata.insert("exclude-patterns-encoded", "1".parse().unwrap());
        metadata.append("exclude-patterns", "%C3%A4%2".parse().unwrap());
        assert_eq!(values(&metadata, "exclude-patterns"), ["a+b c", "ä%2"]);
    }
}
