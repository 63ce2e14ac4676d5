use std::error::Error;
use std::io;
use std::time::Duration;

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
    /// It takes connections, and that is all.
    #[error("the registry `{host}` does not answer: nothing came for {} s", .limit.as_secs())]
    Silent { host: String, limit: Duration },
    #[error("the answer of the registry `{host}` breaks off: {why}")]
    Broken { host: String, why: String },
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
    /// Of an answer that could not be read to its end.
    pub(super) fn of_body(
        host: &str,
        error: &(dyn Error + Send + Sync + 'static),
    ) -> RegistryError {
        let (host, why) = (host.to_owned(), error.to_string());
        match error.is::<io::Error>() {
            true => RegistryError::Broken { host, why },
            // It is longer than it may be.
            false => RegistryError::Nonsense { host, why },
        }
    }

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
