use std::fmt;
use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse, auth_server,
};
use tonic::{Request, Response, Status};

/// How to log in to a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Empty when `secret` is an identity token.
    pub user: String,
    pub secret: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, ..)", self.user)
    }
}

/// Finds the credentials of a registry; asked while a build runs, on a thread that may block (credential helpers do).
pub trait CredentialLookup: fmt::Debug + Send + Sync {
    /// `None`: nobody is logged in there, the registry is asked anonymously.
    fn find(&self, registry: &str) -> Option<Credential>;
}

/// Hands out registry credentials. The engine fetches tokens itself, so the token methods are not offered.
pub(super) struct Auth(pub Arc<dyn CredentialLookup>);

#[tonic::async_trait]
impl auth_server::Auth for Auth {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let lookup = Arc::clone(&self.0);
        let found = tokio::task::spawn_blocking(move || lookup.find(&host))
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        let (username, secret) =
            found.map_or_else(Default::default, |found| (found.user, found.secret));
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("only `Credentials` is offered"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("only `Credentials` is offered"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("only `Credentials` is offered"))
    }
}
