//! engine: works out arithmetic expressions. It keeps nothing and needs nobody.

mod expression;

use std::process::ExitCode;

use http::{component, text, Component, Request, Response};

fn main() -> ExitCode {
    let engine =
        Component { name: "engine", version: env!("CARGO_PKG_VERSION"), port: 7003, needs: None };
    component(engine, answer)
}

fn answer(request: &Request) -> Option<Response> {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/evaluate") => Some(match expression::evaluate(&request.body) {
            Ok(value) => Response::json(200, format!("{{\"expression\": {}, \"value\": {value}}}", text(&request.body))),
            Err(message) => Response::error(400, &message),
        }),
        _ => None,
    }
}
