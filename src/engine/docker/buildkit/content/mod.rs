//! containerd's content service, over directories of this side: the builder reads and writes local caches through it.
//! <https://github.com/containerd/containerd/blob/main/api/services/content/v1/content.proto>

mod layout;
mod messages;
mod service;
mod upload;

pub(super) use layout::{Layout, LayoutError};
pub(super) use service::{Content, METHODS};
