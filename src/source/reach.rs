use std::collections::HashMap;

use smol_str::SmolStr;

use super::{Key, Mapping, Node};

/// The part of a document that a layer names. After the layer is merged only that part has to be looked at again: what
/// the layers below said elsewhere is in order already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything below.
    All,
    /// These members, and nothing beside them.
    Members(Vec<(SmolStr, Reach)>),
}

/// Down to the attributes of services, networks and the like. An attribute is always looked at as a whole, because
/// merging brings it into another form.
const LEVELS: usize = 3;

/// Nothing at all.
static NOTHING: Reach = Reach::Members(Vec::new());

/// How many members there are in a part.
const PART: usize = 64;

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

    /// What stands before the first layer.
    pub fn nothing() -> Self {
        NOTHING.clone()
    }

    /// Cuts what two layers name into parts of few members, so that all that is to be done with a member can be done while
    /// it is at hand: a large project does not fit into the processor's caches. Each member is in one part, of both.
    pub fn each_part(below: &Reach, reach: &Reach, mut visit: impl FnMut(&Reach, &Reach)) {
        let (Reach::Members(lower), Reach::Members(upper)) = (below, reach) else {
            return visit(below, reach);
        };
        for (section, below, reach) in pairs(lower, upper) {
            let within = |reach| Reach::Members(vec![(section.clone(), reach)]);
            let (Reach::Members(lower), Reach::Members(upper)) = (below, reach) else {
                visit(&within(below.clone()), &within(reach.clone()));
                continue;
            };
            let members = pairs(lower, upper);
            if members.is_empty() {
                visit(&within(below.clone()), &within(reach.clone()));
            }
            for members in members.chunks(PART) {
                let named = |pick: fn(&Pair) -> Reach| {
                    let members = members.iter().map(|pair| (pair.0.clone(), pick(pair)));
                    within(Reach::Members(members.collect()))
                };
                visit(&named(|pair| pair.1.clone()), &named(|pair| pair.2.clone()));
            }
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
                let mut next = 0;
                for (name, below) in named {
                    if let Some(at) = members.find_from(next, name) {
                        let (key, member) = members.at(at);
                        visit(key, member, below);
                        next = at + 1;
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
                let mut next = 0;
                for (name, below) in named {
                    if let Some(at) = members.find_from(next, name) {
                        let (key, member) = members.at_mut(at);
                        visit(key, member, below);
                        next = at + 1;
                    }
                }
            }
        }
    }
}

/// A name, and what two layers say below it.
type Pair<'r> = (&'r SmolStr, &'r Reach, &'r Reach);

/// All names of two lists: those of `upper` first.
fn pairs<'r>(lower: &'r [(SmolStr, Reach)], upper: &'r [(SmolStr, Reach)]) -> Vec<Pair<'r>> {
    let mut left: HashMap<&SmolStr, &Reach> =
        lower.iter().map(|(name, below)| (name, below)).collect();
    let mut pairs: Vec<Pair> = upper
        .iter()
        .map(|(name, reach)| (name, left.remove(name).unwrap_or(&NOTHING), reach))
        .collect();
    let alone = lower.iter().filter(|(name, _)| left.contains_key(name));
    pairs.extend(alone.map(|(name, below)| (name, below, &NOTHING)));
    pairs
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

    #[test]
    fn each_member_is_in_one_part() {
        let names = |from: usize, to: usize| {
            let services =
                (from..to).map(|number| (SmolStr::from(format!("s{number}")), Reach::All));
            Reach::Members(vec![(
                "services".into(),
                Reach::Members(services.collect()),
            )])
        };
        let count = |parts: &[(Reach, Reach)], pick: fn(&(Reach, Reach)) -> &Reach| {
            let mut seen = Vec::new();
            for part in parts {
                let Reach::Members(sections) = pick(part) else {
                    panic!("{part:?}");
                };
                for (section, members) in sections {
                    let Reach::Members(members) = members else {
                        panic!("{part:?}");
                    };
                    assert_eq!(section, "services");
                    assert!(members.len() <= PART);
                    let all = members.iter().filter(|(_, reach)| *reach == Reach::All);
                    seen.extend(all.map(|(name, _)| name.to_string()));
                }
            }
            let named = seen.len();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), named);
            named
        };
        let parts = |below: &Reach, reach: &Reach| {
            let mut parts = Vec::new();
            Reach::each_part(below, reach, |below, reach| {
                parts.push((below.clone(), reach.clone()))
            });
            parts
        };
        let many = parts(&names(0, 200), &names(150, 400));
        assert_eq!(many.len(), 400_usize.div_ceil(PART));
        assert_eq!(count(&many, |part| &part.0), 200);
        assert_eq!(count(&many, |part| &part.1), 250);
        let empty = parts(&NOTHING, &names(0, 0));
        assert_eq!(empty, [(names(0, 0), names(0, 0))]);
        let whole = parts(&Reach::All, &names(0, 1));
        assert_eq!(whole, [(Reach::All, names(0, 1))]);
    }
}
