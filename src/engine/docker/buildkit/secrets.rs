use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::secrets::v1::{
    GetSecretRequest, GetSecretResponse, secrets_server,
};
use tonic::{Request, Response, Status};

use crate::build::SecretSource;

/// The engine refuses larger ones as well.
const LARGEST: u64 = 500 << 10;

/// Hands out a secret when a step mounts it.
pub(super) struct Secrets(pub BTreeMap<String, SecretSource>);

#[tonic::async_trait]
impl secrets_server::Secrets for Secrets {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let data = match self.0.get(&id) {
            // The engine takes this code for "there is none": a step fails only if it requires the secret.
            None => return Err(Status::not_found(format!("no secret `{id}` is given"))),
            Some(SecretSource::Value(value)) => value.clone(),
            Some(SecretSource::File(path)) => {
                let refuse = |error: std::io::Error| {
                    Status::failed_precondition(format!(
                        "secret `{id}` cannot be read from `{}`: {error}",
                        path.display()
                    ))
                };
                let size = tokio::fs::metadata(path).await.map_err(refuse)?.len();
                if size > LARGEST {
                    return Err(Status::failed_precondition(format!(
                        "secret `{id}` has {size} bytes, at most {LARGEST} are allowed"
                    )));
                }
                tokio::fs::read(path).await.map_err(refuse)?
            }
        };
        Ok(Response::new(GetSecretResponse { data }))
    }
}
