//! containerd's content service, over directories of this side: the builder reads and writes local caches through it, and
//! reads images that only this side has.
//! <https://github.com/containerd/containerd/blob/main/api/services/content/v1/content.proto>

mod intake;
mod layout;
mod messages;
mod service;
mod upload;

pub(in super::super) use layout::Layout;
pub(super) use layout::LayoutError;
pub(super) use service::{Content, METHODS};
