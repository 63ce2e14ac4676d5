//! Images as what they are made of: configuration and layers, out of an engine's archive and into it.

mod base;
mod beginning;
mod history;
mod saved;
mod thin;
mod tree;

pub use base::BaseImage;
pub use beginning::Beginning;
#[cfg(test)]
pub(crate) use beginning::tests::Dribble;
pub use history::{HistoryEntry, steps};
pub use saved::{Interest, Kind, LayerFile, SavedLayer, read_layers};
pub use thin::{NewEntry, NewFile, ThinImage};
pub use tree::Tree;
