//! Text of the user's files and the tree of values read from it; every value knows where it was written.

mod decode;
mod encoding;
mod file;
#[cfg(test)]
mod laws;
mod mapping;
mod node;
mod parse;
mod path;
mod reach;
mod scalar;
mod serialize;
mod span;
mod yaml;

pub use decode::{DecodeError, from_node};
pub use encoding::{NotText, decode};
pub use file::{SourceFile, Sources};
pub use mapping::Mapping;
pub use node::{Change, Key, Kind, Node, Substitution, Supply, Tag};
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES, parse};
pub use path::{Path, Segment};
pub use reach::Reach;
pub use scalar::go_float;
pub use serialize::to_json;
pub use span::{SourceId, Span};
pub use yaml::{to_yaml, yaml_scalar};
