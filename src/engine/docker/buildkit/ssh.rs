use std::collections::BTreeMap;
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

/// Where the engine says which agent it means.
const ID_HEADER: &str = "buildkit.ssh.id";

/// Connects a step's `--mount=type=ssh` with an agent of this machine.
pub(super) struct Ssh(pub BTreeMap<String, PathBuf>);

impl Ssh {
    fn socket(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { "default" } else { id };
        self.0
            .get(id)
            .ok_or_else(|| Status::not_found(format!("no ssh agent `{id}` is given")))
    }
}

#[tonic::async_trait]
impl ssh_server::Ssh for Ssh {
    async fn check_agent(
        &self,
        request: Request<CheckAgentRequest>,
    ) -> Result<Response<CheckAgentResponse>, Status> {
        self.socket(&request.get_ref().id)?;
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
        let path = self.socket(&id)?;
        let socket = UnixStream::connect(path).await.map_err(|error| {
            Status::failed_precondition(format!(
                "the ssh agent at `{}` does not answer: {error}",
                path.display()
            ))
        })?;
        let (mut from_agent, mut to_agent) = socket.into_split();
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
