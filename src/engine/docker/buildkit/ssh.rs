use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::pin::Pin;

use bollard_buildkit_proto::moby::sshforward::v1::{
    BytesMessage, CheckAgentRequest, CheckAgentResponse, ssh_server,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::dialer::Connection;
use super::ssh_agent::KeyAgent;
use super::ssh_key::SshKey;

/// Where the engine says which agent it means.
const ID_HEADER: &str = "buildkit.ssh.id";

/// Connects a step's `--mount=type=ssh` with an agent of this machine, or with keys out of files.
pub(super) struct Ssh(BTreeMap<String, Source>);

#[derive(Clone, Debug)]
enum Source {
    Agent(PathBuf),
    Keys(KeyAgent),
}

impl Ssh {
    /// Opens what is given by id: one socket of an agent, or files with private keys. The error is for people.
    pub(super) fn open(given: &BTreeMap<String, Vec<PathBuf>>) -> Result<Ssh, String> {
        let is_socket = |path: &PathBuf| {
            std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
        };
        let mut sources = BTreeMap::new();
        for (id, paths) in given {
            let source = match paths.as_slice() {
                [path] if is_socket(path) => Source::Agent(path.clone()),
                paths => {
                    let keys: Result<Vec<SshKey>, String> =
                        paths.iter().map(|path| SshKey::read(path)).collect();
                    Source::Keys(KeyAgent::new(keys?))
                }
            };
            sources.insert(id.clone(), source);
        }
        Ok(Ssh(sources))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn source(&self, id: &str) -> Result<&Source, Status> {
        let id = if id.is_empty() { "default" } else { id };
        self.0
            .get(id)
            .ok_or_else(|| Status::not_found(format!("no ssh agent `{id}` is given")))
    }

    /// A connection to the agent.
    async fn connect(&self, id: &str) -> Result<Box<dyn Connection>, Status> {
        match self.source(id)? {
            Source::Agent(path) => match UnixStream::connect(path).await {
                Ok(socket) => Ok(Box::new(socket)),
                Err(error) => Err(Status::failed_precondition(format!(
                    "the ssh agent at `{}` does not answer: {error}",
                    path.display()
                ))),
            },
            Source::Keys(agent) => {
                let (near, far) = tokio::io::duplex(64 << 10);
                tokio::spawn(agent.clone().serve(far));
                Ok(Box::new(near))
            }
        }
    }
}

#[tonic::async_trait]
impl ssh_server::Ssh for Ssh {
    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.source(&request.get_ref().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request
            .metadata()
            .get(ID_HEADER)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let agent = self.connect(&id).await?;
        let (mut from_agent, mut to_agent) = tokio::io::split(agent);
        let mut questions = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = questions.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    break;
                }
            }
        });
        let (answers, stream) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 << 10];
            loop {
                let message = match from_agent.read(&mut buffer).await {
                    Ok(0) => break,
                    Ok(read) => Ok(BytesMessage {
                        data: buffer[..read].to_vec(),
                    }),
                    Err(error) => Err(Status::internal(error.to_string())),
                };
                let failed = message.is_err();
                if answers.send(message).await.is_err() || failed {
                    break;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
