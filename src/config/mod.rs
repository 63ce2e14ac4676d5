//! What `wharf config` prints of a resolved project, as text.

mod document;
mod hash;
mod image;
mod list;
mod natural;
mod variable;
mod view;

pub use document::{Print, document, write_document};
pub use hash::{hashes, service_hash};
pub use image::{image_of, images, lock, named_images, pin};
pub use list::{environment, models, networks, profiles, services, volumes};
pub use variable::{variables, variables_as};
pub use view::{Format, View};
