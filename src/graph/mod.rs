//! Directed graphs without cycles, and pictures of graphs.

mod dag;
mod layout;
mod picture;
mod svg;

pub use dag::{Cycle, Dag};
pub use picture::{Cluster, Edge, EdgeKind, Node, NodeKind, Picture};
