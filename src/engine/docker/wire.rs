use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::de::DeserializeOwned;

use super::dialer::{Connector, Dialer};
use super::failure::engine_error;
use crate::engine::{ApiVersion, EngineResult, EngineStream, percent_encoded};

/// A connection is there to be used again a moment after its answer has been read; a request that comes sooner opens another one.
const SETTLING: Duration = Duration::from_millis(1);

type Response = http::Response<Incoming>;
type Sending = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

/// HTTP over the dialer: for bollard, and for the calls that bollard cannot make as wharf needs them, which are all
/// that stream (no time limit, no line buffering) and those with fields that its types lack.
#[derive(Clone)]
pub(super) struct Wire {
    send: Arc<dyn Fn(BollardRequest) -> Sending + Send + Sync>,
    authority: String,
    /// `None` until the version is negotiated: the engine's own.
    api: Option<ApiVersion>,
}

/// What goes with a request.
pub(super) enum Payload {
    Nothing,
    Json(serde_json::Value),
    Tar(EngineStream<Bytes>),
}

/// A call that is about to be made.
pub(super) struct Call<'a> {
    pub method: Method,
    /// Without the version, already percent-encoded: `/containers/json`.
    pub path: String,
    pub query: Vec<(&'a str, String)>,
    pub payload: Payload,
    /// `X-Registry-Auth`.
    pub registry_auth: Option<String>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::POST, path)
    }

    pub(super) fn put(path: impl Into<String>) -> Call<'a> {
        Call::new(Method::PUT, path)
    }

    fn new(method: Method, path: impl Into<String>) -> Call<'a> {
        Call {
            method,
            path: path.into(),
            query: Vec::new(),
            payload: Payload::Nothing,
            registry_auth: None,
        }
    }

    pub(super) fn with(mut self, name: &'a str, value: impl ToString) -> Call<'a> {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn with_some(self, name: &'a str, value: Option<impl ToString>) -> Call<'a> {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn json(mut self, value: serde_json::Value) -> Call<'a> {
        self.payload = Payload::Json(value);
        self
    }

    pub(super) fn tar(mut self, tar: EngineStream<Bytes>) -> Call<'a> {
        self.payload = Payload::Tar(tar);
        self
    }
}

impl Wire {
    pub(super) fn new(dialer: &Dialer) -> Wire {
        let is_costly = dialer.is_costly();
        let mut builder = Client::builder(TokioExecutor::new());
        if !is_costly {
            builder.pool_max_idle_per_host(0);
        }
        let client = builder.build(Connector(dialer.clone()));
        Wire {
            send: Arc::new(move |request| {
                let client = client.clone();
                Box::pin(async move {
                    if is_costly {
                        tokio::time::sleep(SETTLING).await;
                    }
                    Ok(client.request(request).await?)
                })
            }),
            authority: dialer.authority(),
            api: None,
        }
    }

    pub(super) fn speaking(mut self, api: ApiVersion) -> Wire {
        self.api = Some(api);
        self
    }

    /// The address that bollard is given; it never connects by itself.
    pub(super) fn base(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Sends and waits for the headers; an answer that is not a success is an error.
    async fn request(&self, call: Call<'_>, upgrade: bool) -> Result<Response, Error> {
        let mut uri = format!("{}{}", self.base(), call.path);
        for (number, (name, value)) in call.query.iter().enumerate() {
            uri.push(if number == 0 { '?' } else { '&' });
            uri.push_str(name);
            uri.push('=');
            uri.push_str(&percent_encoded(value, ""));
        }
        let mut request = Request::builder().method(call.method).uri(uri);
        if let Some(auth) = call.registry_auth {
            request = request.header("X-Registry-Auth", auth);
        }
        if upgrade {
            request = request
                .header(CONNECTION, HeaderValue::from_static("Upgrade"))
                .header(UPGRADE, HeaderValue::from_static("tcp"));
        }
        let request = match call.payload {
            Payload::Nothing => request.body(bollard::body_full(Bytes::new())),
            Payload::Json(value) => request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(bollard::body_full(value.to_string().into())),
            Payload::Tar(tar) => request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"))
                .body(bollard::body_try_stream(tar.map_err(io::Error::other))),
        }?;
        let response = self.deliver(request).await?;
        let status = response.status();
        if status.is_success()
            || status == StatusCode::NOT_MODIFIED
            || (upgrade && status == StatusCode::SWITCHING_PROTOCOLS)
        {
            return Ok(response);
        }
        let text = collect(response.into_body()).await?;
        let message = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
            .unwrap_or_else(|| String::from_utf8_lossy(&text).into_owned());
        Err(Error::DockerResponseServerError {
            status_code: status.as_u16(),
            message,
        })
    }

    /// A call whose answer is JSON, or nothing, which reads as `null`.
    pub(super) async fn value<T: DeserializeOwned>(
        &self,
        action: &str,
        call: Call<'_>,
    ) -> EngineResult<T> {
        let read = async {
            let text = collect(self.request(call, false).await?.into_body()).await?;
            let text: &[u8] = if text.is_empty() { b"null" } else { &text };
            Ok(serde_json::from_slice(text)?)
        };
        read.await.map_err(|error| engine_error(action, error))
    }

    /// A call of whose answer only the headers say something.
    pub(super) async fn headers(&self, action: &str, call: Call<'_>) -> EngineResult<HeaderMap> {
        let read = async {
            let (parts, body) = self.request(call, false).await?.into_parts();
            collect(body).await?;
            Ok(parts.headers)
        };
        read.await.map_err(|error| engine_error(action, error))
    }

    /// A call whose answer is of no interest.
    pub(super) async fn done(&self, action: &str, call: Call<'_>) -> EngineResult<()> {
        let read = async { collect(self.request(call, false).await?.into_body()).await };
        read.await
            .map(|_| ())
            .map_err(|error| engine_error(action, error))
    }

    /// A call whose answer is bytes without end.
    pub(super) async fn bytes(
        &self,
        action: &str,
        call: Call<'_>,
    ) -> EngineResult<EngineStream<Bytes>> {
        let response = self
            .request(call, false)
            .await
            .map_err(|error| engine_error(action, error))?;
        let action = action.to_owned();
        Ok(Box::pin(
            frames(response.into_body()).map_err(move |error| engine_error(&action, error)),
        ))
    }

    /// A call whose answer is a row of JSON values.
    pub(super) async fn values<T: DeserializeOwned + Send + 'static>(
        &self,
        action: &str,
        call: Call<'_>,
    ) -> EngineResult<EngineStream<T>> {
        let response = self
            .request(call, false)
            .await
            .map_err(|error| engine_error(action, error))?;
        let action = action.to_owned();
        Ok(Box::pin(
            json_values(frames(response.into_body()).boxed())
                .map_err(move |error| engine_error(&action, error)),
        ))
    }

    /// A call that turns the connection into a raw stream; with the answer's content type.
    pub(super) async fn upgrade(
        &self,
        action: &str,
        call: Call<'_>,
    ) -> EngineResult<(TokioIo<hyper::upgrade::Upgraded>, Option<String>)> {
        let turn = async {
            let response = self.request(call, true).await?;
            let kind = response
                .headers()
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            Ok((TokioIo::new(hyper::upgrade::on(response).await?), kind))
        };
        turn.await.map_err(|error| engine_error(action, error))
    }

    /// Puts the version into the path and sends: also what bollard asks for.
    pub(super) fn deliver(&self, mut request: BollardRequest) -> Sending {
        // Without a version the engine would answer in its newest dialect instead of the negotiated one.
        if let (Some(api), Some(path)) = (self.api, request.uri().path_and_query()) {
            let versioned = format!("{}/v{api}{path}", self.base());
            match versioned.parse() {
                Ok(uri) => *request.uri_mut() = uri,
                Err(error) => return Box::pin(async move { Err(Error::from(error)) }),
            }
        }
        (self.send)(request)
    }
}

/// A name or an id as one piece of a path, so that no name reaches another part of the API.
pub(super) fn segment(name: &str) -> String {
    percent_encoded(name, "")
}

/// An image reference in a path: its slashes and colons stay.
pub(super) fn reference_segment(reference: &str) -> String {
    percent_encoded(reference, "/:@").replace("/../", "/%2E%2E%2F")
}

fn frames(body: Incoming) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::unfold(body, |mut body| async move {
        loop {
            match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some((Ok(data), body));
                    }
                }
                Err(error) => return Some((Err(Error::from(error)), body)),
            }
        }
    })
}

async fn collect(body: Incoming) -> Result<Bytes, Error> {
    let mut all = BytesMut::new();
    let mut frames = std::pin::pin!(frames(body));
    while let Some(bytes) = frames.try_next().await? {
        all.extend_from_slice(&bytes);
    }
    Ok(all.freeze())
}

/// Values that stand one after the other, however the bytes are cut.
fn json_values<T: DeserializeOwned>(
    frames: impl Stream<Item = Result<Bytes, Error>> + Unpin,
) -> impl Stream<Item = Result<T, Error>> {
    let state = (frames, BytesMut::new(), false);
    stream::try_unfold(state, |(mut frames, mut buffer, mut ended)| async move {
        loop {
            // The engine ends each value with a line feed; only the last may lack it.
            let line = match memchr(&buffer) {
                Some(end) => Some(buffer.split_to(end + 1)),
                None if ended && !buffer.is_empty() => Some(buffer.split()),
                None => None,
            };
            match line {
                Some(line) if line.iter().all(u8::is_ascii_whitespace) => {}
                Some(line) => {
                    let value = serde_json::from_slice(&line)?;
                    return Ok(Some((value, (frames, buffer, ended))));
                }
                None if ended => return Ok(None),
                None => match frames.try_next().await? {
                    Some(bytes) => buffer.extend_from_slice(&bytes),
                    None => ended = true,
                },
            }
        }
    })
}

fn memchr(buffer: &[u8]) -> Option<usize> {
    buffer.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_piece_of_the_path() {
        assert_eq!(segment("my-app_db.1"), "my-app_db.1");
        assert_eq!(
            segment("../containers/x?force=1"),
            "..%2Fcontainers%2Fx%3Fforce%3D1"
        );
        assert_eq!(
            reference_segment("host:5000/a/b:1@sha256:ff"),
            "host:5000/a/b:1@sha256:ff"
        );
        assert_eq!(reference_segment("a/../b"), "a/%2E%2E%2Fb");
    }

    #[tokio::test]
    async fn values_are_found_however_the_bytes_are_cut() {
        let text = b"{\"a\":1}\r\n\n{\"a\":\"x\\ny\"}\n{\"a\":3}";
        for size in 1..text.len() {
            let pieces: Vec<Result<Bytes, Error>> = text
                .chunks(size)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            let values: Vec<serde_json::Value> = json_values(stream::iter(pieces))
                .try_collect()
                .await
                .unwrap();
            assert_eq!(values.len(), 3, "in pieces of {size}");
            assert_eq!(values[2]["a"], 3);
        }
    }
}
