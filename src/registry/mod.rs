//! Registries, spoken to directly: for what engines do not push, which is everything that is no image.

mod challenge;
mod client;
mod copy;
#[cfg(test)]
mod double;
mod error;
mod patience;
mod proxy;
mod wire;

pub use client::Registry;
pub use copy::Manifest;
pub use error::RegistryError;
