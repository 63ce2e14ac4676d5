//! Releases: what an image is called, what it has to be, what was released, and getting it to registries.

mod checks;
mod component;
mod coverage;
mod difference;
mod git;
mod inspect;
mod labels;
mod origin;
mod pinned;
mod push;
mod record;
mod reproducible;
mod sbom;
mod tags;
mod version;

pub use checks::{Checked, SecretValues, Verdict, megabytes, scan};
pub use component::{Component, ComponentError, components};
pub use coverage::{Candidate, covering};
pub use difference::difference;
pub use git::{GitError, Revision, read as read_revision};
pub use inspect::{Inspection, base_of, candidate, inspect};
pub use labels::labels;
pub use pinned::pinned;
pub use push::{Push, PushError, PushEvent, Retag, Target};
pub use record::{
    ComponentRecord, Draft, LayerRecord, PINNED, RECORD, Record, RecordError, Releases,
    RepositoryRecord, TestedBy, make_room,
};
pub use reproducible::{Difference, Digests, Property, compare};
pub use sbom::document as sbom_document;
pub use tags::{Naming, TagError, Tags};
pub use version::Version;
