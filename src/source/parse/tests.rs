use super::*;
use crate::source::{Kind, Span, Tag};

fn read(text: &str) -> (Vec<Node>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let documents = parse(SourceId(0), text, &mut diagnostics);
    (documents, diagnostics)
}

fn one(text: &str) -> Node {
    let (mut documents, diagnostics) = read(text);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn codes(text: &str) -> Vec<&'static str> {
    let (_, diagnostics) = read(text);
    diagnostics.iter().map(|finding| finding.code).collect()
}

fn slice<'t>(text: &'t str, node: &Node) -> &'t str {
    &text[node.span.start as usize..node.span.end as usize]
}

#[test]
fn spans_slice_back_to_what_was_written() {
    let text = "# é\nsérvices:\n  app:\n    image: \"a b\"  # c\n    command: |\n      x\n      y\n\n    ports: [80, 'ü:1']\n    list:\n    - a\n    - b: 1\n\n# end\n";
    let root = one(text);
    let app = root.get("sérvices").unwrap().get("app").unwrap();
    assert_eq!(slice(text, app.get("image").unwrap()), "\"a b\"");
    assert_eq!(slice(text, app.get("command").unwrap()), "x\n      y");
    assert_eq!(slice(text, app.get("ports").unwrap()), "[80, 'ü:1']");
    assert_eq!(
        slice(text, &app.get("ports").unwrap().as_sequence().unwrap()[1]),
        "'ü:1'"
    );
    assert_eq!(slice(text, app.get("list").unwrap()), "- a\n    - b: 1");
    assert!(slice(text, app).starts_with("image:") && slice(text, app).ends_with("b: 1"));
    let (key, _) = root.as_mapping().unwrap().iter().next().unwrap();
    assert_eq!(
        &text[key.span.start as usize..key.span.end as usize],
        "sérvices"
    );
}

#[test]
fn empty_texts_have_no_document() {
    for text in ["", "\n", "# only a comment\n", "---\n...\n"] {
        let (documents, diagnostics) = read(text);
        assert!(diagnostics.is_empty(), "{text:?}");
        assert!(
            documents.iter().all(Node::is_null),
            "{text:?}: {documents:?}"
        );
    }
    assert_eq!(read("a: 1\n---\nb: 2\n").0.len(), 2);
}

#[test]
fn aliases_are_expanded_and_merges_keep_explicit_keys() {
    let root = one(
        "x: &x {A: 1, B: 1}\ny: &y {B: 2, C: 2}\nboth: {<<: [*x, *y], C: 3, '<<': quoted}\nown: {A: own, <<: *x}\n",
    );
    let both = root.get("both").unwrap();
    let value = |node: &Node, key: &str| node.get(key).and_then(Node::as_int);
    assert_eq!(value(both, "A"), Some(1));
    assert_eq!(value(both, "B"), Some(1));
    assert_eq!(value(both, "C"), Some(3));
    assert_eq!(both.get("<<").and_then(Node::as_str), Some("quoted"));
    assert_eq!(
        root.get("own").unwrap().get("A").and_then(Node::as_str),
        Some("own")
    );
}

#[test]
fn tags_steer_merging_and_typing() {
    let root = one(
        "a: !reset null\nb: !override [x]\nc: !!str 1\nd: !!int \"2\"\ne: !!float 3\nf: !!binary aGVsbG8=\ng: !reset\nh: ! 12\n",
    );
    assert_eq!(root.get("a").unwrap().tag, Some(Tag::Reset));
    assert_eq!(root.get("b").unwrap().tag, Some(Tag::Override));
    assert_eq!(root.get("c").unwrap().as_str(), Some("1"));
    assert_eq!(root.get("d").unwrap().as_int(), Some(2));
    assert_eq!(root.get("e").unwrap().kind, Kind::Float(3.0));
    assert_eq!(root.get("f").unwrap().as_str(), Some("hello"));
    assert_eq!(root.get("g").unwrap().tag, Some(Tag::Reset));
    assert_eq!(root.get("h").unwrap().as_str(), Some("12"));
}

/// As Compose reads them: go-yaml does not look at the indentation.
#[test]
fn a_quoted_text_may_go_on_in_any_column() {
    let text = "a:\n  b: \"one\ntwo\n\nthree\"\n  c: 'x\ny'\n  d: *nope\n";
    let mut diagnostics = Diagnostics::default();
    let root = parse(SourceId(0), text, &mut diagnostics).remove(0);
    let get = |key: &str| root.get("a").and_then(|a| a.get(key)).unwrap();
    assert_eq!(get("b").as_str(), Some("one two\nthree"));
    assert_eq!(get("c").as_str(), Some("x y"));
    let written = |span: Span| &text[span.start as usize..span.end as usize];
    assert_eq!(written(get("c").span), "'x\ny'");
    let finding = diagnostics.iter().next().unwrap();
    assert_eq!(written(finding.labels[0].span), "*nope");
}

#[test]
fn findings() {
    let table: [(&str, &[&str]); 14] = [
        ("a: 1\nb: 2\na: 3\n", &["duplicate-key"]),
        ("<<: {a: 1}\n<<: {b: 1}\n", &["duplicate-key"]),
        ("1: a\ntrue: b\n", &["key-not-text", "key-not-text"]),
        ("? [a]\n: b\n", &["key-not-text"]),
        ("a: *nope\n", &["unknown-anchor"]),
        ("a: &a\n  b: *a\n", &["alias-cycle"]),
        ("<<: 1\n", &["merge-not-a-mapping"]),
        ("a: !!int x\n", &["tag-mismatch"]),
        ("a: !resett x\n", &["unknown-tag"]),
        ("a:\n\tb: 1\n", &["yaml-syntax"]),
        ("a: \"x\n", &["yaml-syntax"]),
        ("a: [1, 2\n", &["yaml-syntax"]),
        ("a:\n  b: x\n c: y\n", &["yaml-syntax"]),
        ("a: \u{0}\n", &["control-character"]),
    ];
    for (text, expected) in table {
        assert_eq!(codes(text), expected, "{text:?}");
    }
}

#[test]
fn nesting_and_aliases_have_limits() {
    assert_eq!(codes(&"[".repeat(10_000)), ["nesting-too-deep"]);
    assert_eq!(codes(&"- ".repeat(10_000)), ["nesting-too-deep"]);
    assert_eq!(codes(&"{a: ".repeat(10_000)), ["nesting-too-deep"]);
    assert_eq!(codes(&"? ".repeat(10_000)), ["nesting-too-deep"]);
    let staircase: String = (0..100)
        .map(|level| match level {
            0 => "a0: &a0 [[]]\n".to_owned(),
            _ => format!("a{level}: &a{level} [[*a{}]]\n", level - 1),
        })
        .collect();
    assert_eq!(codes(&staircase), ["nesting-too-deep"]);
    let bomb: String = (0..9)
        .map(|level| match level {
            0 => "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(),
            _ => format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 9].join(",")
            ),
        })
        .collect();
    assert_eq!(codes(&bomb), ["alias-bomb"]);
}

#[test]
fn findings_are_bounded() {
    let text: String = (0..10_000).map(|_| "a: 1\n").collect();
    assert_eq!(codes(&text).len(), MAX_FINDINGS);
}
