#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::diagnostic::{Diagnostics, render};
use wharf::source::{Kind, Node, Sources, decode, parse, to_json, to_yaml};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes.to_vec()) else {
        return;
    };
    let mut sources = Sources::default();
    let id = sources.add("/p/a.yml".as_ref(), "a.yml", text.as_str());
    let mut diagnostics = Diagnostics::default();
    let documents = parse(id, &text, &mut diagnostics);
    for document in &documents {
        in_text(document, &sources);
        // An alias bomb within the limits is a large tree; to print and read it again would only cost time.
        if size(document) > 20_000 {
            continue;
        }
        to_json(document);
        let written = to_yaml(document);
        let mut findings = Diagnostics::default();
        let again = parse(id, &written, &mut findings);
        assert!(findings.is_empty(), "{written}\n{findings:?}");
        assert_eq!(again.len(), 1, "{written}");
        assert!(same(&again[0], document), "{written}");
    }
    for finding in diagnostics.iter() {
        render(finding, &sources, false, 80);
    }
});

fn in_text(node: &Node, sources: &Sources) {
    assert!(sources.slice(node.span).is_some(), "{node:?}");
    match &node.kind {
        Kind::Sequence(items) => items.iter().for_each(|item| in_text(item, sources)),
        Kind::Mapping(entries) => entries.iter().for_each(|(key, value)| {
            assert!(sources.slice(key.span).is_some(), "{key:?}");
            in_text(value, sources);
        }),
        _ => {}
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Mapping(entries) => 1 + entries.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// Equality of what was read, where a whole number may have become an integer.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Int(a), Kind::Float(b)) => *a as f64 == *b,
        (Kind::Float(a), Kind::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Kind::Sequence(a), Kind::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Kind::Mapping(a), Kind::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((a_key, a), (b_key, b))| a_key.text == b_key.text && same(a, b))
        }
        (a, b) => a == b,
    }
}
