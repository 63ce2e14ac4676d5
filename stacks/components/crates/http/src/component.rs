use std::env;
use std::net::TcpListener;
use std::process::ExitCode;

use crate::{get, serve, text, Request, Response};

/// What the services have in common: a name, a port, and somebody that they need.
pub struct Component {
    pub name: &'static str,
    pub version: &'static str,
    pub port: u16,
    /// `host:port` of the component that this one cannot work without. `None`: it needs nobody.
    pub needs: Option<String>,
}

/// The life of a component's process: without arguments it serves; `probe PATH` asks the one that runs here, and fails
/// unless that answers with 200 (an image without a shell needs its own probe).
pub fn component(
    component: Component,
    answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, port) = (component.name, component.port);
    match words[..] {
        [] => match TcpListener::bind(("0.0.0.0", port)) {
            Ok(listener) => {
                println!("{name} {} listens on port {port}", component.version);
                let served = serve(listener, move |request| {
                    common(&component, request).or_else(|| answer(request)).unwrap_or_else(Response::not_found)
                });
                report(name, served.map_err(|error| error.to_string()))
            }
            Err(error) => report(name, Err(format!("cannot listen on port {port}: {error}"))),
        },
        ["probe", path] => report(name, probe(port, path)),
        _ => report(name, Err(format!("usage: {name} [probe PATH]"))),
    }
}

fn report(name: &str, result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{name}: {message}");
            ExitCode::FAILURE
        }
    }
}

fn probe(port: u16, path: &str) -> Result<(), String> {
    match get(&format!("127.0.0.1:{port}"), path) {
        Ok((200, body)) => {
            println!("{body}");
            Ok(())
        }
        Ok((status, body)) => Err(format!("{path} answers {status}: {body}")),
        Err(error) => Err(format!("{path} does not answer: {error}")),
    }
}

/// Health: this process answers. Readiness: and so does everybody whom it needs.
fn common(component: &Component, request: &Request) -> Option<Response> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/health") => Some(state(component, 200, "healthy")),
        ("GET", "/ready") => Some(match &component.needs {
            None => state(component, 200, "ready"),
            Some(address) => match get(address, "/ready") {
                Ok((200, _)) => state(component, 200, "ready"),
                Ok((status, _)) => state(component, 503, &format!("{address} answers {status}")),
                Err(error) => state(component, 503, &format!("{address} does not answer: {error}")),
            },
        }),
        _ => None,
    }
}

fn state(component: &Component, status: u16, state: &str) -> Response {
    Response::json(
        status,
        format!(
            "{{\"component\": {}, \"version\": {}, \"state\": {}}}",
            text(component.name),
            text(component.version),
            text(state)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(needs: Option<String>, path: &str) -> Option<(u16, String)> {
        let component = Component { name: "one", version: "1.2.3", port: 1, needs };
        let request = Request { method: "GET".into(), path: path.into(), body: String::new() };
        common(&component, &request).map(|response| (response.status, response.body))
    }

    #[test]
    fn a_process_that_answers_is_healthy_whoever_is_away() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (status, body) = answer(Some(nobody.clone()), "/health").unwrap();
        assert_eq!((status, body.as_str()), (200, r#"{"component": "one", "version": "1.2.3", "state": "healthy"}"#));
        let (status, body) = answer(Some(nobody.clone()), "/ready").unwrap();
        assert_eq!(status, 503);
        assert!(body.contains(&format!("{nobody} does not answer")), "{body}");
    }

    #[test]
    fn who_needs_nobody_is_ready() {
        assert_eq!(answer(None, "/ready").unwrap().0, 200);
        assert_eq!(answer(None, "/other"), None);
    }
}
