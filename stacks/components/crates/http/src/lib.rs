//! As much HTTP/1.1 as three small services need: one request a connection, bodies of known length.

mod client;
mod component;
mod json;
mod message;
mod server;

pub use client::{get, post};
pub use component::{component, Component};
pub use json::text;
pub use message::{Request, Response};
pub use server::serve;
