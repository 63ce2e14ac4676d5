use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http::header::{HOST, HeaderName, PROXY_AUTHORIZATION};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::RegistryError;
use super::patience::{LastSent, Noted, Patience, Steady};
use super::proxy::{Proxies, Proxy};
use crate::engine::docker::{Dialer, TlsFiles};

/// What is sent, and what comes back.
pub(super) type Body = BoxBody<Bytes, io::Error>;

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
    pub(super) patience: Patience,
}

impl Wire {
    /// Whether a host speaks without TLS. One that only hangs up may want TLS: it is asked again so, and then that is said.
    ///
    /// # Errors
    /// When it takes a connection and says nothing, which no host does that wants TLS.
    pub(super) async fn answers_plainly(&self, host: &str) -> Result<bool, RegistryError> {
        let request = Request::get(format!("http://{host}/v2/")).body(full(Bytes::new()));
        let Ok(request) = request else {
            return Ok(false);
        };
        match self.send(request).await {
            Ok(answer) => Ok(answer.status() != StatusCode::BAD_REQUEST),
            Err(silent @ RegistryError::Silent { .. }) => Err(silent),
            Err(_) => Ok(false),
        }
    }

    /// Sends a request to the host of its address, and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, RegistryError> {
        let uri = request.uri().clone();
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let unreachable = |why: String| RegistryError::Unreachable {
            host: authority.clone(),
            why,
        };
        let proxy = self.proxies.to(&uri).map_err(unreachable)?;
        let limit = self.patience.connect;
        let connecting = connect(&uri, proxy.as_ref(), self.authorities.clone());
        let (mut sender, sent) = timeout(limit, connecting)
            .await
            .unwrap_or_else(|_| Err(format!("no connection within {} s", limit.as_secs())))
            .map_err(unreachable)?;
        match proxy.filter(|_| is_plain(&uri)) {
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
        let limit = match *request.method() {
            Method::PUT => self.patience.keep,
            _ => self.patience.head,
        };
        let answer = tokio::select! {
            answer = sender.send_request(request) => answer,
            () = sent.is_past(limit) => {
                return Err(RegistryError::Silent { host: authority, limit });
            }
        };
        let answer = answer.map_err(|error| unreachable(crate::engine::chain(&error)))?;
        Ok(answer.map(|body| Steady::new(body, self.patience.body).boxed()))
    }
}

/// A connection to the host of an address.
///
/// # Errors
/// Why there is none.
async fn connect(
    uri: &Uri,
    proxy: Option<&Proxy>,
    authorities: Option<PathBuf>,
) -> Result<(SendRequest<Body>, LastSent), String> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_plain = is_plain(uri);
    let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    let files = TlsFiles {
        ca: authorities,
        ..TlsFiles::default()
    };
    let tls = (!is_plain).then_some(&files);
    let dialer = Dialer::to_host(host, port, tls)?;
    let line = match proxy {
        None => dialer.dial().await,
        // Without TLS the proxy itself reads the request.
        Some(proxy) if is_plain => proxy.dialer()?.dial().await,
        Some(proxy) => dialer.over(proxy.tunnel(host, port).await?).await,
    };
    let sent = LastSent::now();
    let line = Noted {
        line: line.map_err(|error| error.to_string())?,
        sent: sent.clone(),
    };
    let (sender, connection) = http1::handshake(TokioIo::new(line))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to a registry broke");
        }
    });
    Ok((sender, sent))
}

fn is_plain(uri: &Uri) -> bool {
    uri.scheme_str() == Some("http")
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
pub(super) fn header(answer: &Response<Body>, name: HeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

/// An answer's text, at most [`LIMIT`] bytes of it.
pub(super) async fn text(host: &str, body: Body) -> Result<Bytes, RegistryError> {
    at_most(LIMIT, host, body).await
}

/// A body, whole in memory.
///
/// # Errors
/// When it is longer than that, in bytes, or does not come.
pub(super) async fn at_most(most: usize, host: &str, body: Body) -> Result<Bytes, RegistryError> {
    match http_body_util::Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(RegistryError::of_body(host, error.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// Limits of 50 ms.
    fn impatient() -> Wire {
        let limit = Duration::from_millis(50);
        Wire {
            patience: Patience {
                connect: limit,
                head: limit,
                keep: limit,
                body: limit,
            },
            ..Wire::default()
        }
    }

    /// A host that takes connections, says this, and then nothing more.
    async fn falling_silent(said: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(said.as_bytes()).await.unwrap();
                taken.push(stream);
            }
        });
        host
    }

    /// Far more than the limits, far less than anybody's patience.
    async fn soon<T>(asking: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(10), asking).await.unwrap()
    }

    #[tokio::test]
    async fn a_host_that_says_nothing_is_given_up() {
        let host = falling_silent("").await;
        let wire = impatient();
        let asked = soon(wire.answers_plainly(&host)).await;
        assert!(
            matches!(&asked, Err(RegistryError::Silent { host: silent, .. }) if *silent == host),
            "{asked:?}"
        );
        let request = Request::get(format!("https://{host}/v2/")).body(full(Bytes::new()));
        let asked = soon(wire.send(request.unwrap())).await;
        assert!(
            matches!(&asked, Err(RegistryError::Unreachable { why, .. }) if why.starts_with("no connection within")),
            "{:?}",
            asked.err()
        );
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up() {
        let host = falling_silent("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        let request = Request::get(format!("http://{host}/v2/")).body(full(Bytes::new()));
        let answer = impatient().send(request.unwrap()).await.unwrap();
        let read = soon(text(&host, answer.into_body())).await;
        assert!(
            matches!(&read, Err(RegistryError::Broken { why, .. }) if why.starts_with("nothing more came")),
            "{read:?}"
        );
    }

    #[tokio::test]
    async fn what_is_sent_slowly_is_no_silence() {
        let sent = LastSent::now();
        let (line, _other) = tokio::io::duplex(64);
        let mut line = Noted {
            line,
            sent: sent.clone(),
        };
        let began = Instant::now();
        let sending = async {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                line.write_all(b"x").await.unwrap();
            }
        };
        let limit = Duration::from_millis(100);
        tokio::join!(sending, sent.is_past(limit));
        assert!(began.elapsed() >= Duration::from_millis(120));
    }
}
