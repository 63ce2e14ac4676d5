//! Which files, in which order, read from a disk that is an argument; up to the merged document.

mod disk;
pub mod dotenv;
mod environment;
mod request;

pub use disk::{Disk, Host, MemoryDisk};
pub use environment::Environment;
pub use request::LoadRequest;
