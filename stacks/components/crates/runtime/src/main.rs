//! runtime: takes jobs, has the engine work them out, and remembers the last hundred.

mod jobs;

use std::env;
use std::process::ExitCode;
use std::sync::Mutex;

use http::{component, post, Component, Request, Response};
use jobs::Jobs;

fn main() -> ExitCode {
    let engine = env::var("ENGINE").unwrap_or_else(|_| "engine:7003".into());
    let runtime = Component {
        name: "runtime",
        version: env!("CARGO_PKG_VERSION"),
        port: 7002,
        needs: Some(engine.clone()),
    };
    let jobs = Mutex::new(Jobs::default());
    component(runtime, move |request| answer(&engine, &jobs, request))
}

fn answer(engine: &str, jobs: &Mutex<Jobs>, request: &Request) -> Option<Response> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/jobs") => Some(Response::json(200, lock(jobs).json())),
        // Asked before the lock is taken: a slow engine holds up nobody who only looks.
        ("POST", "/jobs") => Some(match post(engine, "/evaluate", &request.body) {
            Ok((200, result)) => {
                lock(jobs).add(result.clone());
                Response::json(201, result)
            }
            Ok((status, result)) => Response::json(status, result),
            Err(error) => Response::error(502, &format!("the engine at `{engine}` does not answer: {error}")),
        }),
        _ => None,
    }
}

fn lock(jobs: &Mutex<Jobs>) -> std::sync::MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
