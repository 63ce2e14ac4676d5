#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::diagnostic::Diagnostics;
use wharf::grammar;
use wharf::source::{Mapping, Node, Span};

fuzz_target!(|text: &str| {
    let entries = text.lines().take(4).map(|line| Node::string(line, Span::NONE));
    let ports = Node::sequence(entries.collect(), Span::NONE);
    let mut root = under("services", under("a", under("ports", ports)));
    let mut diagnostics = Diagnostics::default();
    grammar::check(&root, &mut diagnostics);
    grammar::expand(&mut root, false, &mut diagnostics);
    if !diagnostics.has_errors() {
        grammar::canonicalise(&mut root, &mut diagnostics);
    }
});

fn under(key: &str, value: Node) -> Node {
    let mut entries = Mapping::new();
    entries.insert(key.into(), value);
    Node::mapping(entries, Span::NONE)
}
