use std::path::PathBuf;

use bytes::Bytes;
use http::header::{HOST, HeaderName, PROXY_AUTHORIZATION};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::RegistryError;
use super::proxy::Proxies;
use crate::engine::docker::{Dialer, TlsFiles};

pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// The largest answer that is kept in memory: manifests, tokens and messages are far smaller.
const LIMIT: usize = 8 << 20;

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// HTTP to hosts of the network, a connection for each request: there are few, and they go to several hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    /// Who may have signed certificates. `None`: the system's authorities.
    pub(super) authorities: Option<PathBuf>,
    pub(super) proxies: Proxies,
}

impl Wire {
    /// Whether a host speaks without TLS. One that only hangs up may want TLS: it is asked again so, and then that is said.
    pub(super) async fn answers_plainly(&self, host: &str) -> bool {
        let request = Request::get(format!("http://{host}/v2/")).body(full(Bytes::new()));
        let Ok(request) = request else { return false };
        match self.send(request).await {
            Ok(answer) => answer.status() != StatusCode::BAD_REQUEST,
            Err(_) => false,
        }
    }

    /// Sends a request to the host of its address, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let uri = request.uri().clone();
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let unreachable = |why: String| RegistryError::Unreachable {
            host: authority.clone(),
            why,
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_plain = uri.scheme_str() == Some("http");
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let files = TlsFiles {
            ca: self.authorities.clone(),
            ..TlsFiles::default()
        };
        let tls = (!is_plain).then_some(&files);
        let dialer = Dialer::to_host(host, port, tls).map_err(unreachable)?;
        let proxy = self.proxies.to(&uri).map_err(unreachable)?;
        let line = match &proxy {
            None => dialer.dial().await,
            // Without TLS the proxy itself reads the request.
            Some(proxy) if is_plain => proxy.dialer().map_err(unreachable)?.dial().await,
            Some(proxy) => {
                let tunnel = proxy.tunnel(host, port).await.map_err(unreachable)?;
                dialer.over(tunnel).await
            }
        };
        let line = line.map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(line))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to a registry broke");
            }
        });
        match proxy.filter(|_| is_plain) {
            Some(proxy) => {
                if let Some(authorization) = proxy.authorization {
                    request
                        .headers_mut()
                        .insert(PROXY_AUTHORIZATION, authorization);
                }
            }
            None => {
                let path = uri.path_and_query().map_or("/", |path| path.as_str());
                *request.uri_mut() =
                    Uri::try_from(path).map_err(|error| unreachable(error.to_string()))?;
            }
        }
        let named = authority
            .parse()
            .map_err(|_| unreachable("it has no name".into()))?;
        request.headers_mut().insert(HOST, named);
        let sent = sender.send_request(request).await;
        sent.map_err(|error| unreachable(crate::engine::chain(&error)))
    }
}

/// Whether a registry is on this machine, where nobody listens on the way.
pub(super) fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name == "localhost"
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A header of an answer. `None`: it is not there, or no text.
pub(super) fn header(answer: &Response<Incoming>, name: HeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

/// An answer's text, at most [`LIMIT`] bytes of it.
pub(super) async fn text(host: &str, body: Incoming) -> Result<Bytes, RegistryError> {
    let read = http_body_util::Limited::new(body, LIMIT).collect().await;
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(RegistryError::Nonsense {
            host: host.to_owned(),
            why: error.to_string(),
        }),
    }
}
