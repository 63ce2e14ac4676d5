//! operate-ui: the page on which jobs are given to the runtime and seen. The browser speaks to this service alone,
//! which passes `/api` on.

use std::env;
use std::process::ExitCode;

use http::{component, get, post, Component, Request, Response};

const PAGE: &str = include_str!("page.html");

fn main() -> ExitCode {
    let runtime = env::var("RUNTIME").unwrap_or_else(|_| "runtime:7002".into());
    let ui = Component {
        name: "operate-ui",
        version: env!("CARGO_PKG_VERSION"),
        port: 7001,
        needs: Some(runtime.clone()),
    };
    component(ui, move |request| answer(&runtime, request))
}

fn answer(runtime: &str, request: &Request) -> Option<Response> {
    let answered = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => return Some(Response::html(PAGE)),
        ("GET", "/api/jobs") => get(runtime, "/jobs"),
        ("POST", "/api/jobs") => post(runtime, "/jobs", &request.body),
        _ => return None,
    };
    Some(match answered {
        Ok((status, body)) => Response::json(status, body),
        Err(error) => Response::error(502, &format!("the runtime at `{runtime}` does not answer: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str) -> Option<Response> {
        // Port 1 of this machine: nobody listens.
        answer("127.0.0.1:1", &Request { method: "GET".into(), path: path.into(), body: String::new() })
    }

    #[test]
    fn the_page_needs_no_runtime() {
        assert_eq!(ask("/").unwrap().status, 200);
        assert_eq!(ask("/elsewhere"), None);
    }

    #[test]
    fn a_runtime_that_is_away_is_said() {
        let response = ask("/api/jobs").unwrap();
        assert_eq!(response.status, 502);
        assert!(response.body.contains("the runtime at `127.0.0.1:1` does not answer"), "{}", response.body);
    }
}
