use http::StatusCode;

use crate::engine::EngineError;

/// A registry does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(
        "`{0}` names no repository: a name is like `registry.example/team/app:1`, without capital letters"
    )]
    Name(String),
    #[error("cannot reach the registry `{host}`: {why}")]
    Unreachable { host: String, why: String },
    #[error("the registry `{host}` refuses to {action}: {status}{}", said(.message))]
    Refused {
        host: String,
        /// What was asked: `push the manifest`.
        action: String,
        status: StatusCode,
        /// Empty: it gave no reason.
        message: String,
    },
    #[error("the registry `{host}` answers what no registry answers: {why}")]
    Nonsense { host: String, why: String },
    #[error(transparent)]
    Credentials(#[from] EngineError),
}

fn said(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

impl RegistryError {
    /// Whether it refused for another reason than who asks: then it may not know what it was given.
    pub fn is_about_content(&self) -> bool {
        match self {
            RegistryError::Refused { status, .. } => {
                status.is_client_error()
                    && !matches!(
                        *status,
                        StatusCode::UNAUTHORIZED
                            | StatusCode::FORBIDDEN
                            | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    )
            }
            _ => false,
        }
    }
}
