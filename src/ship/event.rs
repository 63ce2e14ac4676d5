use serde::Serialize;
use tokio::sync::mpsc;

use super::ShipError;
use crate::apply::Event;

/// Something that happened while an env was shipped.
#[derive(Clone, Debug, Serialize)]
pub struct ShipEvent {
    /// The server's address.
    pub host: String,
    #[serde(flatten)]
    pub kind: Shipping,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Shipping {
    /// It has these images already, as far as `layers` and `images` say what it lacks.
    Lacks {
        images: usize,
        layers: usize,
    },
    /// Only the layers that it lacks can be sent to engines that keep layers by themselves; this one gets all.
    Whole {
        why: String,
    },
    /// Compressed bytes on their way; `resumed` of them were there from an earlier try.
    Sending {
        sent: u64,
        total: u64,
        resumed: u64,
    },
    /// The images are there, and are what was sent.
    Loaded {
        sent: u64,
    },
    /// The connection broke, and is tried again.
    Cut {
        why: String,
        attempt: u32,
    },
    /// A plan is applied there.
    Applying {
        step: Box<Event>,
    },
    /// The release failed; this one is brought back.
    Restoring {
        number: u32,
        why: String,
    },
    Note {
        text: String,
    },
    Done {
        number: u32,
        changed: bool,
        /// It is there, and not started.
        prepared: bool,
    },
    Failed {
        why: String,
    },
}

/// Where events of one host go.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    host: String,
    to: mpsc::UnboundedSender<ShipEvent>,
}

impl Voice {
    pub(super) fn new(host: &str, to: mpsc::UnboundedSender<ShipEvent>) -> Voice {
        Voice {
            host: host.to_owned(),
            to,
        }
    }

    /// `ssh://user@host`
    pub(super) fn address(&self) -> &str {
        &self.host
    }

    /// Says what failed, and hands it on.
    pub(super) fn tell<T>(&self, done: Result<T, ShipError>) -> Result<T, ShipError> {
        if let Err(error) = &done {
            self.say(Shipping::Failed {
                why: error.to_string(),
            });
        }
        done
    }

    pub(super) fn say(&self, kind: Shipping) {
        // Whoever has gone away has heard enough.
        let _ = self.to.send(ShipEvent {
            host: self.host.clone(),
            kind,
        });
    }
}
