use std::collections::HashMap;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Key, Span};

/// Services do not wait for each other in a circle.
pub fn check(view: &View, found: &mut Diagnostics) {
    let services: Vec<_> = view.services().collect();
    let index: HashMap<&str, usize> = services
        .iter()
        .enumerate()
        .map(|(at, service)| (service.name, at))
        .collect();
    let edges: Vec<Vec<(usize, &Key)>> = services
        .iter()
        .map(|service| {
            service
                .members("depends_on")
                .filter_map(|(name, _)| Some((*index.get(&*name.text)?, name)))
                .collect()
        })
        .collect();
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; services.len()];
    for start in 0..services.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // A stack of its own: a chain of dependencies may be longer than the program's stack is deep.
        let mut trail: Vec<(usize, usize)> = vec![(start, 0)];
        marks[start] = Mark::Open;
        while let Some((at, next)) = trail.last_mut() {
            let Some((to, _)) = edges[*at].get(*next) else {
                marks[*at] = Mark::Done;
                trail.pop();
                continue;
            };
            *next += 1;
            let to = *to;
            match marks[to] {
                Mark::Done => {}
                Mark::New => {
                    marks[to] = Mark::Open;
                    trail.push((to, 0));
                }
                Mark::Open => {
                    let from = trail.iter().position(|(at, _)| *at == to).unwrap_or(0);
                    let steps: Vec<(&str, Span)> = trail[from..]
                        .iter()
                        .map(|(at, next)| (services[*at].name, edges[*at][*next - 1].1.span))
                        .collect();
                    found.push(circle(&steps));
                }
            }
        }
    }
}

fn circle(steps: &[(&str, Span)]) -> Diagnostic {
    let names: Vec<&str> = steps
        .iter()
        .chain(steps.first())
        .map(|(name, _)| *name)
        .collect();
    let mut finding = Diagnostic::error(
        "dependency-cycle",
        format!("services wait for each other: `{}`", names.join("` -> `")),
    );
    for (at, (name, span)) in steps.iter().enumerate() {
        let text = format!("`{name}` waits for `{}`", names[at + 1]);
        finding = if at == 0 {
            finding.at(*span, text)
        } else {
            finding.because(*span, text)
        };
    }
    finding.help("remove one of these dependencies")
}
