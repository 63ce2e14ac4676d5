//! What is on the engine, read once into plain data.
//!
//! | item | meaning |
//! |---|---|
//! | [`collect()`] | one read of the daemon for a project: containers, networks, volumes, images |
//! | [`collect_by_name()`] | the same for a project of which only the name is known (`down -p NAME`) |
//! | [`collect_containers()`] | its containers only, for verbs that look at nothing else |
//! | [`Snapshot`] | the result; serialisable |
//! | [`Fingerprint`] | what tells one state of a project from another, and what has moved between two |
//! | [`labels`] | the labels that keep a project together, Compose's own and wharf's |

mod collect;
mod fingerprint;
pub mod labels;
mod recovered;
mod snapshot;

pub use collect::{collect, collect_by_name, collect_containers, references};
pub use fingerprint::Fingerprint;
pub use snapshot::{
    EngineTraits, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Snapshot,
    Stranger,
};
