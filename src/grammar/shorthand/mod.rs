//! Short forms become long ones, in place; what is long already stays.

mod command;
mod dependency;
mod device;
mod dict;
mod file;
mod host;
mod list;
mod mount;
mod port;
mod resource;
mod ssh;

use super::place::Place;
use super::{PROJECT, Shape};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Node, Reach};

pub use command::{command, health_test};
pub use dependency::{depends_on, started};
pub use device::{device, device_request, gpus};
pub use dict::{contexts, dict, variables};
pub use file::{env_file, file_reference, secret_reference};
pub use host::extra_hosts;
pub use list::{filled, list, lists, names, texts};
pub use mount::{clean, mount};
pub use port::ports;
pub use resource::{build, resource};
pub use ssh::ssh;

/// Brings one value into its long form.
pub type Expand = fn(&mut Node, &mut Expansion);

/// What an expansion may know and say.
pub struct Expansion<'e> {
    place: &'e Place<'e>,
    diagnostics: &'e mut Diagnostics,
    /// `${..}` was left as written: a text that cannot be read stays as it is, without a finding. So do the short forms that
    /// Compose only reads when it has the values: commands, and lists that stand for mappings.
    keep_variables: bool,
    /// How many ports the document has stood for so far.
    ports: &'e mut usize,
}

impl Expansion<'_> {
    fn refuse(&mut self, diagnostic: Diagnostic) {
        if !self.keep_variables {
            self.diagnostics.push(diagnostic);
        }
    }
}

/// Brings a whole document into its long form. Its structure has been checked.
pub fn expand(root: &mut Node, keep_variables: bool, diagnostics: &mut Diagnostics) {
    expand_within(&Reach::All, root, keep_variables, diagnostics);
}

/// As [`expand`], where everything out of reach is in its long form already.
pub fn expand_within(
    reach: &Reach,
    root: &mut Node,
    keep_variables: bool,
    diagnostics: &mut Diagnostics,
) {
    let mut walk = Walk {
        keep_variables,
        diagnostics,
        ports: 0,
    };
    walk.visit(root, PROJECT, reach, &Place::ROOT);
}

struct Walk<'w> {
    keep_variables: bool,
    diagnostics: &'w mut Diagnostics,
    ports: usize,
}

impl Walk<'_> {
    fn visit(&mut self, node: &mut Node, shape: Shape, reach: &Reach, place: &Place) {
        let Some(shape) = shape.alternative(node) else {
            return;
        };
        match shape {
            Shape::Any | Shape::Null | Shape::Scalar(_) | Shape::OneOf(_) => {}
            Shape::Short(short) => {
                let mut expansion = Expansion {
                    place,
                    diagnostics: self.diagnostics,
                    keep_variables: self.keep_variables,
                    ports: &mut self.ports,
                };
                (short.expand)(node, &mut expansion);
                // The long form may have members that the layer does not name.
                self.visit(node, short.becomes, &Reach::All, place);
            }
            Shape::List(list) if has_parts(list.item) => {
                for (at, item) in node.as_sequence_mut().into_iter().flatten().enumerate() {
                    self.visit(item, list.item, &Reach::All, &place.index(at));
                }
            }
            Shape::Map(map) if has_parts(map.value) => {
                if let Some(members) = node.as_mapping_mut() {
                    reach.each_mut(members, |key, member, reach| {
                        self.visit(member, map.value, reach, &place.key(&key.text));
                    });
                }
            }
            Shape::List(_) | Shape::Map(_) => {}
            Shape::Record(record) => {
                if let Some(members) = node.as_mapping_mut() {
                    reach.each_mut(members, |key, member, reach| {
                        if let Some(field) = record.field(&key.text) {
                            self.visit(member, field.shape, reach, &place.key(&key.text));
                        }
                    });
                }
            }
        }
    }
}

fn has_parts(shape: Shape) -> bool {
    !matches!(shape, Shape::Any | Shape::Null | Shape::Scalar(_))
}

/// Puts `value` at `key` unless something stands there, and returns whether it did.
fn default(node: &mut Node, key: &str, value: impl FnOnce() -> Node) -> bool {
    let Some(members) = node.as_mapping_mut() else {
        return false;
    };
    if members.contains_key(key) {
        return false;
    }
    members.reserve_exact(1);
    members.insert(key.into(), value());
    true
}
