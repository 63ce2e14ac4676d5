use std::collections::{HashMap, HashSet};

use smol_str::SmolStr;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// No two containers have the same name. `meant`: of these services; `None`: of all.
pub fn check(view: &View, meant: Option<&HashSet<SmolStr>>, found: &mut Diagnostics) {
    let mut taken: HashMap<&str, (&str, Span)> = HashMap::new();
    for service in view.services() {
        if meant.is_some_and(|meant| !meant.contains(service.name)) {
            continue;
        }
        let Some(node) = service.get("container_name") else {
            continue;
        };
        let Some(name) = node.as_str() else {
            continue;
        };
        if let Some((other, span)) = taken.insert(name, (service.name, node.span)) {
            found.push(
                Diagnostic::error(
                    "container-name-taken",
                    format!(
                        "services `{other}` and `{}` both name their container `{name}`",
                        service.name
                    ),
                )
                .at(node.span, "")
                .because(span, format!("service `{other}`"))
                .help("give one of them another name"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Mapping, Node, SourceId, parse};

    #[test]
    fn only_containers_of_what_is_to_run_may_not_meet() {
        let text = "services: {a: {container_name: x}, b: {container_name: x}, c: {}}\n";
        let mut found = Diagnostics::default();
        let root: Node = parse(SourceId(0), text, &mut found).remove(0);
        let inactive = Mapping::new();
        let view = View {
            root: &root,
            inactive: &inactive,
        };
        let count = |meant: Option<&[&str]>| {
            let mut found = Diagnostics::default();
            let meant = meant.map(|names| names.iter().map(|name| (*name).into()).collect());
            check(&view, meant.as_ref(), &mut found);
            found.iter().count()
        };
        assert_eq!(count(None), 1);
        assert_eq!(count(Some(&["a", "b"])), 1);
        assert_eq!(count(Some(&["a", "c"])), 0);
        assert_eq!(count(Some(&[])), 0);
    }
}
