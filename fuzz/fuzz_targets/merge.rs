#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::diagnostic::Diagnostics;
use wharf::merge;
use wharf::source::{Node, SourceId, Span, parse, to_json};

fuzz_target!(|text: &str| {
    let mut diagnostics = Diagnostics::default();
    let mut documents = parse(SourceId(0), text, &mut diagnostics);
    if diagnostics.has_errors() || documents.is_empty() {
        return;
    }
    documents.truncate(3);
    let first = documents.remove(0);
    let before = to_json(&first);
    let mut alone = first.clone();
    merge::merge(&mut alone, Node::empty_mapping(Span::NONE), &mut diagnostics);
    if first.as_mapping().is_some() {
        assert_eq!(to_json(&alone), before);
    }
    let mut base = first.clone();
    merge::merge(&mut base, first, &mut diagnostics);
    for over in documents {
        merge::merge(&mut base, over, &mut diagnostics);
    }
    to_json(&base);
});
