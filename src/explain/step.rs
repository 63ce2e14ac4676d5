use crate::source::{Change, Node, Span, Substitution, to_json};

/// One event in the life of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub operation: Operation,
    /// Where it was written; [`Span::NONE`] for what no file says.
    pub span: Span,
    /// The value after this step, as JSON; for [`Operation::Appended`] that of the list. `None` where it was removed.
    pub value: Option<String>,
    /// The entries of a list that this step brought.
    pub added: Vec<Addition>,
    /// The variables that went into the value.
    pub substitutions: Vec<Substitution>,
    /// The service that the value was taken over from by `extends`.
    pub extended_from: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Written where there was nothing below.
    Set,
    /// Written over the value of a lower layer.
    Replaced,
    /// Entries were added to the list of a lower layer.
    Appended,
    /// `!reset` removed the value of a lower layer.
    Removed,
    /// Nobody wrote it; the text names the rule.
    Defaulted(&'static str),
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// As JSON.
    pub value: String,
    pub span: Span,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Operation::Set => "set",
            Operation::Replaced => "replaced",
            Operation::Appended => "appended",
            Operation::Removed => "removed",
            Operation::Defaulted(_) => "default",
        }
    }
}

/// The life of a value, from the lowest layer up.
pub(super) fn steps(node: &Node) -> Vec<Step> {
    let history = node.history.as_deref().map_or(&[][..], Vec::as_slice);
    let items = node.as_sequence().unwrap_or_default();
    let mut kept: Vec<usize> = history
        .iter()
        .filter_map(|change| match change {
            Change::Appended { kept, .. } => Some((*kept).min(items.len())),
            _ => None,
        })
        .collect();
    kept.push(items.len());
    let additions = |range: std::ops::Range<usize>| -> Vec<Addition> {
        let range = range.start.min(range.end)..range.end;
        let added = items[range].iter().map(|item| Addition {
            value: to_json(item),
            span: item.span,
        });
        added.collect()
    };
    let value_of = |length: usize| match node.as_sequence() {
        Some(items) if length < items.len() => {
            to_json(&Node::sequence(items[..length].to_vec(), node.span))
        }
        _ => to_json(node),
    };
    let mut before = Vec::new();
    let mut origin = Step {
        operation: Operation::Set,
        span: node.span,
        value: Some(value_of(kept[0])),
        added: additions(0..kept[0]),
        substitutions: Vec::new(),
        extended_from: None,
    };
    let mut after: Vec<Step> = Vec::new();
    for change in history {
        match change {
            Change::Interpolated { substitutions, .. } => {
                origin.substitutions.extend(substitutions.iter().cloned());
            }
            Change::Extended { from } => origin.extended_from = Some(*from),
            Change::Defaulted { rule } => origin.operation = Operation::Defaulted(rule),
            Change::Replaced { previous } => {
                before.extend(steps(previous));
                origin.operation = Operation::Replaced;
            }
            Change::Reset { previous, by } => {
                before.extend(steps(previous));
                before.push(Step {
                    operation: Operation::Removed,
                    span: *by,
                    value: None,
                    added: Vec::new(),
                    substitutions: Vec::new(),
                    extended_from: None,
                });
            }
            Change::Appended { by, .. } => {
                let at = after.len();
                after.push(Step {
                    operation: Operation::Appended,
                    span: *by,
                    value: Some(value_of(kept[at + 1])),
                    added: additions(kept[at]..kept[at + 1]),
                    substitutions: Vec::new(),
                    extended_from: None,
                });
            }
        }
    }
    before.push(origin);
    before.extend(after);
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Node {
        Node::sequence(
            items
                .iter()
                .map(|text| Node::string(*text, Span::NONE))
                .collect(),
            Span::NONE,
        )
    }

    #[test]
    fn a_value_that_was_replaced_twice() {
        let mut middle = Node::int(2, Span::NONE);
        middle.record(Change::Replaced {
            previous: Box::new(Node::int(1, Span::NONE)),
        });
        let mut node = Node::int(3, Span::NONE);
        node.record(Change::Replaced {
            previous: Box::new(middle),
        });
        let told: Vec<(&str, Option<String>)> = steps(&node)
            .into_iter()
            .map(|step| (step.operation.name(), step.value))
            .collect();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("set", value("1")),
                ("replaced", value("2")),
                ("replaced", value("3"))
            ]
        );
    }

    #[test]
    fn a_list_that_grew_in_two_layers() {
        let mut node = list(&["a", "b", "c"]);
        node.record(Change::Appended {
            kept: 1,
            by: Span::NONE,
        });
        node.record(Change::Appended {
            kept: 2,
            by: Span::NONE,
        });
        let told: Vec<(Option<String>, usize)> = steps(&node)
            .into_iter()
            .map(|step| (step.value, step.added.len()))
            .collect();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                (value("[\"a\"]"), 1),
                (value("[\"a\",\"b\"]"), 1),
                (value("[\"a\",\"b\",\"c\"]"), 1)
            ]
        );
    }

    #[test]
    fn a_value_that_was_reset_and_set_again() {
        let mut node = list(&["b"]);
        node.record(Change::Reset {
            previous: Box::new(list(&["a"])),
            by: Span::NONE,
        });
        let operations: Vec<&str> = steps(&node)
            .iter()
            .map(|step| step.operation.name())
            .collect();
        assert_eq!(operations, ["set", "removed", "set"]);
    }

    #[test]
    fn a_history_that_does_not_fit_its_list_is_no_harm() {
        let mut node = list(&["a"]);
        node.record(Change::Appended {
            kept: 7,
            by: Span::NONE,
        });
        node.record(Change::Appended {
            kept: 0,
            by: Span::NONE,
        });
        assert_eq!(steps(&node).len(), 3);
    }
}
