//! wharf runs env stacks: one application, described once in layered Compose files, in several environments.
#![forbid(unsafe_code)]

pub mod apply;
pub mod archive;
pub mod build;
pub mod ci;
pub mod cli;
pub mod config;
pub mod diagnostic;
pub mod engine;
pub mod explain;
pub mod file;
pub mod follow;
pub mod grammar;
pub mod graph;
pub mod image;
pub mod interpolate;
pub mod layer;
pub mod lint;
pub mod load;
pub mod merge;
pub mod model;
pub mod observe;
pub mod plan;
pub mod provider;
pub mod publish;
pub mod registry;
pub mod release;
pub mod remote;
pub mod report;
pub mod resolve;
pub mod secret;
pub mod ship;
pub mod source;
pub mod suite;
pub mod template;
pub mod watch;
