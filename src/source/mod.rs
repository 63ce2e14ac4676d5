//! Text of the user's files and the tree of values read from it; every value knows where it was written.

mod file;
mod node;
mod path;
mod span;

pub use file::{SourceFile, Sources};
pub use node::{Change, Key, Kind, Mapping, Node, Substitution, Supply, Tag};
pub use path::{Path, Segment};
pub use span::{SourceId, Span};
