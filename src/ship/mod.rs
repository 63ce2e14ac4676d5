//! Sends the images of an env straight to the engines of servers, and brings the env up there. A server needs ssh and
//! Docker, nothing else; it remembers its releases itself.
//!
//! | item | meaning |
//! |---|---|
//! | [`Shipment`] | what is sent: the project as servers run it, and its images |
//! | [`unfit()`] | what of a project cannot work on another machine |
//! | [`Server`] | one server: what it has, what it lacks; [`Server::deliver`], [`Server::roll_back`] |
//! | [`Spool`] | layers out of the local engine, compressed, as they go over the wire |
//! | [`Release`] | what a server remembers of a release, in the labels of an image |
//! | [`ShipEvent`] | what happens, host by host |

mod archive;
mod chain;
mod error;
mod event;
mod fitness;
mod guard;
mod pinned;
mod reading;
mod release;
mod server;
mod shipment;
mod spool;
mod staging;

pub use error::ShipError;
pub use event::{ShipEvent, Shipping};
pub use fitness::{Unfit, unfit};
pub use pinned::pinned;
pub use release::{Recorded, Release, ReleasedImage};
pub use server::{Delivered, Lack, Server, ShipOptions};
pub use shipment::{MadeImage, ShipImage, Shipment};
pub use spool::{Piece, Spool};
