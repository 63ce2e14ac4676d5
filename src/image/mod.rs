//! Images as what they are made of: configuration and layers, out of an engine's archive and into it.

mod base;
mod history;
mod saved;
mod thin;
mod tree;

pub use base::BaseImage;
pub use history::{HistoryEntry, steps};
pub use saved::{Interest, Kind, LayerFile, SavedLayer, read_layers};
pub use thin::{NewEntry, NewFile, ThinImage};
pub use tree::Tree;

use sha2::{Digest, Sha256};

/// `sha256:` and the digest in hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// An id without its `sha256:`.
pub fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}
