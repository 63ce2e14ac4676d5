//! What is on the engine, read once into plain data.
//!
//! | item | meaning |
//! |---|---|
//! | [`collect()`] | one read of the daemon for a project: containers, networks, volumes, images |
//! | [`collect_by_name()`] | the same for a project of which only the name is known (`down -p NAME`) |
//! | [`Snapshot`] | the result; serialisable, with a [`Snapshot::fingerprint`] |
//! | [`labels`] | the labels that keep a project together, Compose's own and wharf's |

mod collect;
pub mod labels;
mod recovered;
mod snapshot;

pub use collect::{collect, collect_by_name, references};
pub use snapshot::{
    EngineTraits, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Snapshot,
};
