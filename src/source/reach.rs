use super::{Key, Mapping, Node};

/// The part of a document that a layer names. After the layer is merged only that part has to be looked at again: what
/// the layers below said elsewhere is in order already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything below.
    All,
    /// These members, and nothing beside them.
    Members(Vec<(Box<str>, Reach)>),
}

/// Down to the attributes of services, networks and the like. An attribute is always looked at as a whole, because
/// merging brings it into another form.
const LEVELS: usize = 3;

impl Reach {
    /// What the document of a layer names.
    pub fn of(document: &Node) -> Self {
        Self::below(document, LEVELS)
    }

    fn below(node: &Node, levels: usize) -> Self {
        match node.as_mapping() {
            Some(members) if levels > 0 => Reach::Members(
                members
                    .iter()
                    .map(|(key, value)| (key.text.clone(), Self::below(value, levels - 1)))
                    .collect(),
            ),
            _ => Reach::All,
        }
    }

    /// Visits the members within reach, each with what is within reach below it.
    pub fn each<'n>(&self, members: &'n Mapping, mut visit: impl FnMut(&'n Key, &'n Node, &Reach)) {
        match self {
            Reach::All => {
                for (key, member) in members {
                    visit(key, member, &Reach::All);
                }
            }
            Reach::Members(named) => {
                for (name, below) in named {
                    if let Some((key, member)) = members.get_key_value(&**name) {
                        visit(key, member, below);
                    }
                }
            }
        }
    }

    /// As [`Reach::each`], to change the members.
    pub fn each_mut(&self, members: &mut Mapping, mut visit: impl FnMut(&Key, &mut Node, &Reach)) {
        match self {
            Reach::All => {
                for (key, member) in members {
                    visit(key, member, &Reach::All);
                }
            }
            Reach::Members(named) => {
                for (name, below) in named {
                    if let Some((_, key, member)) = members.get_full_mut(&**name) {
                        visit(key, member, below);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{SourceId, parse};

    #[test]
    fn names_the_attributes_of_a_layer() {
        let read = |text| {
            parse(SourceId(0), text, &mut Diagnostics::default())
                .pop()
                .unwrap()
        };
        let reach = Reach::of(&read("services: {a: {labels: {x: y}}, b: {}}"));
        let merged =
            read("services: {c: {image: i}, a: {image: i, labels: {v: w, x: y}}, b: {image: i}}");
        let mut seen = Vec::new();
        reach.each(merged.as_mapping().unwrap(), |_, services, reach| {
            reach.each(services.as_mapping().unwrap(), |name, service, reach| {
                reach.each(service.as_mapping().unwrap(), |key, value, reach| {
                    assert_eq!(*reach, Reach::All);
                    let size = value.as_mapping().map(|members| members.len());
                    seen.push((name.text.to_string(), key.text.to_string(), size));
                });
            });
        });
        assert_eq!(seen, [("a".to_owned(), "labels".to_owned(), Some(2))]);
    }
}
