use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;

use super::wire::{full, is_here};
use crate::engine::docker::Dialer;
use crate::load::Environment;

/// The proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name, in capitals or not.
/// <https://docs.docker.com/engine/cli/proxy/>
#[derive(Clone, Default)]
pub(super) struct Proxies(Option<Arc<Matcher>>);

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

/// One that stands between here and a host.
#[derive(Debug)]
pub(super) struct Proxy {
    /// `proxy.example:3128`
    pub(super) authority: String,
    host: String,
    port: u16,
    /// What it wants to be told of its user.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxies {
    pub(super) fn of(environment: &Environment) -> Proxies {
        let named = |name: &str| {
            let capitals = environment.get(&name.to_uppercase());
            let value = capitals.filter(|value| !value.is_empty());
            value
                .or(environment.get(name))
                .unwrap_or_default()
                .to_owned()
        };
        let matcher = Matcher::builder()
            .http(named("http_proxy"))
            .https(named("https_proxy"))
            .no(named("no_proxy"))
            .build();
        Proxies(Some(Arc::new(matcher)))
    }

    /// The proxy on the way to an address. `None`: there is none, and never one to this machine itself.
    ///
    /// # Errors
    /// What is wrong with the proxy that is named.
    pub(super) fn to(&self, address: &Uri) -> Result<Option<Proxy>, String> {
        if is_here(address.host().unwrap_or_default()) {
            return Ok(None);
        }
        let Some(found) = self.0.as_ref().and_then(|all| all.intercept(address)) else {
            return Ok(None);
        };
        let (Some(authority), Some(host)) = (found.uri().authority(), found.uri().host()) else {
            return Ok(None);
        };
        let scheme = found.uri().scheme_str().unwrap_or("http");
        if scheme != "http" {
            return Err(format!(
                "its proxy `{authority}` is one for {scheme}, and only http is spoken to proxies"
            ));
        }
        Ok(Some(Proxy {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: found.uri().port_u16().unwrap_or(80),
            authorization: found.basic_auth().cloned(),
            authority: authority.to_string(),
        }))
    }
}

impl Proxy {
    pub(super) fn dialer(&self) -> Result<Dialer, String> {
        Dialer::to_host(&self.host, self.port, None)
    }

    /// A connection to a host, through the proxy: what is written to it arrives there as it is.
    /// <https://www.rfc-editor.org/rfc/rfc9110#name-connect>
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> Result<TokioIo<Upgraded>, String> {
        let failed = |why: String| format!("its proxy `{}` does not help: {why}", self.authority);
        let line = self.dialer()?.dial().await;
        let line = line.map_err(|error| failed(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(line))
            .await
            .map_err(|error| failed(error.to_string()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "the connection to a proxy broke");
            }
        });
        let target = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(&target)
            .header(http::header::HOST, &target);
        if let Some(authorization) = &self.authorization {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let request = request
            .body(full(Bytes::new()))
            .map_err(|error| failed(error.to_string()))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| failed(crate::engine::chain(&error)))?;
        if answer.status() != StatusCode::OK {
            return Err(failed(format!("it answers {}", answer.status())));
        }
        let tunnel = hyper::upgrade::on(answer).await;
        tunnel
            .map(TokioIo::new)
            .map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        let variables = variables.iter();
        Proxies::of(&Environment {
            variables: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Environment::default()
        })
    }

    fn on_the_way(proxies: &Proxies, address: &str) -> Option<String> {
        let proxy = proxies.to(&address.parse().unwrap()).unwrap();
        proxy.map(|proxy| proxy.authority)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_some_hosts_have_none() {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://one.example:3128"),
            ("http_proxy", "two.example:8080"),
            ("no_proxy", "own.example,10.0.0.0/8"),
        ]);
        let way = |address| on_the_way(&proxies, address);
        let one = Some("one.example:3128".to_owned());
        assert_eq!(way("https://registry.example/v2/"), one);
        let two = Some("two.example:8080".to_owned());
        assert_eq!(way("http://registry.example/v2/"), two);
        assert_eq!(way("https://a.own.example/v2/"), None);
        assert_eq!(way("https://10.1.2.3:5000/v2/"), None);
        assert_eq!(way("http://127.0.0.1:5000/v2/"), None);
        assert_eq!(way("https://[::1]:5000/v2/"), None);
    }

    #[test]
    fn only_http_is_spoken_to_proxies() {
        let proxies = proxies(&[("HTTPS_PROXY", "socks5://one.example:1080")]);
        let refused = proxies.to(&Uri::from_static("https://registry.example/"));
        assert!(refused.unwrap_err().contains("one for socks5"));
    }

    #[tokio::test]
    async fn a_tunnel_carries_what_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxying = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
            String::from_utf8(head).unwrap()
        });
        let address = format!("http://me:secret@127.0.0.1:{port}");
        let proxies = proxies(&[("HTTPS_PROXY", &address)]);
        let target = Uri::from_static("https://registry.example/v2/");
        let proxy = proxies.to(&target).unwrap().unwrap();
        let mut tunnel = proxy.tunnel("registry.example", 443).await.unwrap();
        tunnel.write_all(b"hello").await.unwrap();
        let mut word = [0; 5];
        tunnel.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"hello");
        let head = proxying.await.unwrap().to_lowercase();
        assert!(
            head.starts_with("connect registry.example:443 http/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("proxy-authorization: basic "), "{head}");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        });
        let proxies = proxies(&[("HTTPS_PROXY", &format!("127.0.0.1:{port}"))]);
        let target = Uri::from_static("https://registry.example/v2/");
        let proxy = proxies.to(&target).unwrap().unwrap();
        let refused = proxy.tunnel("registry.example", 443).await.unwrap_err();
        assert!(refused.contains("407"), "{refused}");
    }
}
