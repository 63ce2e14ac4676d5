use proptest::prelude::{Just, Strategy as _, any, prop_assert_eq, prop_oneof, proptest};

use super::{Resets, deduplicate, merge};
use crate::diagnostic::Diagnostics;
use crate::source::{self, Change, Kind, Mapping, Node, Path, SourceId, Span};

fn parse(source: u32, text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    let mut documents = source::parse(SourceId(source), text, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    documents.pop().unwrap()
}

/// The value as JSON, which shows order and kinds but no places.
fn json(node: &Node) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    match &node.kind {
        Kind::Null => "null".into(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Unsigned(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        Kind::String(text) | Kind::Timestamp(text) => text.to_string(),
        Kind::Sequence(items) => format!("[{}]", list(items.iter().map(json).collect())),
        Kind::Mapping(members) => format!(
            "{{{}}}",
            list(
                members
                    .iter()
                    .map(|(key, value)| format!("{}:{}", key.text, json(value)))
                    .collect()
            )
        ),
    }
}

/// Merges texts, lowest first, as loading does.
fn layers(texts: &[&str]) -> (Node, Diagnostics) {
    let mut root = Node::empty_mapping(Span::NONE);
    let mut diagnostics = Diagnostics::default();
    for (source, text) in (0..).zip(texts) {
        let mut document = parse(source, text);
        let resets = Resets::take(&mut document);
        let cleared = resets.clear(&mut root);
        merge(&mut root, document, &mut diagnostics);
        cleared.note(&mut root);
        deduplicate(&mut root, &mut diagnostics);
    }
    (root, diagnostics)
}

/// What `key` of a service is after two layers of it.
fn attribute(key: &str, lower: &str, higher: &str) -> String {
    let text = |value: &str| format!("services: {{s: {{{key}: {value}}}}}");
    let (root, diagnostics) = layers(&[&text(lower), &text(higher)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    root.at(&Path::keys(["services", "s", key]))
        .map(json)
        .unwrap_or_default()
}

#[test]
fn each_attribute_merges_by_its_own_rule() {
    for (key, lower, higher, merged) in [
        ("image", "a", "b", "b"),
        ("image", "a", "null", "a"),
        ("command", "[a, b]", "[c]", "[c]"),
        ("command", "[a]", "null", "null"),
        (
            "healthcheck",
            "{test: [a], retries: 1}",
            "{test: [b]}",
            "{test:[b],retries:1}",
        ),
        (
            "environment",
            "{B: 1, A: null}",
            "[A=2, C=3]",
            "[A=2,B=1,C=3]",
        ),
        (
            "environment",
            "[A=1]",
            "{A: true, B: 1.5}",
            "[A=true,B=1.5]",
        ),
        (
            "ports",
            "['80:80', '81:81']",
            "['80:80', 82]",
            "[80:80,81:81,82]",
        ),
        (
            "volumes",
            "['va:/x', 'vb:/y:ro']",
            "['vc:/x']",
            "[vc:/x,vb:/y:ro]",
        ),
        (
            "volumes",
            "['va:/x']",
            "[{type: bind, target: /x}]",
            "[{type:bind,target:/x}]",
        ),
        (
            "depends_on",
            "[a]",
            "{a: {condition: x}}",
            "{a:{condition:x,required:true}}",
        ),
        (
            "networks",
            "[a, b]",
            "{b: {aliases: [x]}}",
            "{a:null,b:{aliases:[x]}}",
        ),
        ("build", ".", "{target: t}", "{context:.,target:t}"),
        (
            "build",
            "{args: {A: 1}}",
            "{args: [A=2, B=3]}",
            "{args:[A=2,B=3]}",
        ),
        ("dns", "1.1.1.1", "[8.8.8.8, 1.1.1.1]", "[1.1.1.1,8.8.8.8]"),
        ("tmpfs", "/a", "/b", "[/a,/b]"),
        (
            "extra_hosts",
            "['a:1', 'a:1']",
            "['a:1', 'a:2']",
            "[a:1,a:1,a:2]",
        ),
        (
            "ulimits",
            "{nofile: 1}",
            "{nofile: {soft: 2, hard: 3}}",
            "{nofile:{soft:2,hard:3}}",
        ),
        (
            "logging",
            "{driver: a, options: {x: 1}}",
            "{driver: b}",
            "{driver:b}",
        ),
        (
            "logging",
            "{driver: a, options: {x: 1}}",
            "{options: {y: 2}}",
            "{driver:a,options:{x:1,y:2}}",
        ),
        (
            "secrets",
            "[a]",
            "[{source: b, target: /run/secrets/a}]",
            "[{source:b,target:/run/secrets/a}]",
        ),
        ("devices", "['/a:/x']", "['/b:/x', '/c']", "[/b:/x,/c]"),
        ("cap_add", "[A, B]", "[A]", "[A,B]"),
        (
            "provider",
            "{options: {a: b}}",
            "{options: {a: c}}",
            "{options:{a:c}}",
        ),
        (
            "provider",
            "{options: {a: b}}",
            "{options: {a: [c]}}",
            "{options:{a:[c]}}",
        ),
        (
            "provider",
            "{options: {a: [b]}}",
            "{options: {a: [c]}}",
            "{options:{a:[b,c]}}",
        ),
        ("x-own", "[a]", "[a]", "[a,a]"),
    ] {
        assert_eq!(
            attribute(key, lower, higher),
            merged,
            "{key}: {lower} under {higher}"
        );
    }
}

#[test]
fn a_value_is_not_laid_over_a_list() {
    for (key, lower, higher) in [
        ("provider", "{options: {a: [b]}}", "{options: {a: c}}"),
        ("cap_add", "[a]", "b"),
        ("x-own", "[a]", "b"),
    ] {
        let text = |value: &str| format!("services: {{s: {{{key}: {value}}}}}");
        let (_, diagnostics) = layers(&[&text(lower), &text(higher)]);
        let codes: Vec<_> = diagnostics.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["merge-kinds"], "{key}: {lower} under {higher}");
    }
}

#[test]
fn address_pools_meet_by_subnet() {
    let pools = |lower: &str, higher: &str| {
        let text = |pools: &str| format!("networks: {{n: {{ipam: {{config: {pools}}}}}}}");
        let (root, _) = layers(&[&text(lower), &text(higher)]);
        json(
            root.at(&Path::keys(["networks", "n", "ipam", "config"]))
                .unwrap(),
        )
    };
    assert_eq!(
        pools("[{subnet: a, gateway: g}]", "[{subnet: a, ip_range: r}]"),
        "[{subnet:a,gateway:g,ip_range:r}]"
    );
    assert_eq!(pools("[{subnet: a}]", "[{subnet: b}]"), "[{subnet:b}]");
}

#[test]
fn tags_reset_and_override_lower_layers() {
    let base =
        "services: {s: {image: a, ports: ['1:1'], environment: {A: 1, B: 2}, labels: {x: y}}}";
    let over = "services: {s: {image: !reset null, ports: !override ['2:2'], environment: {A: !reset null}, labels: !reset {}}}";
    let (root, _) = layers(&[base, over]);
    assert_eq!(
        json(&root),
        "{services:{s:{environment:[B=2],ports:[2:2]}}}"
    );
    let ports = root.at(&Path::keys(["services", "s", "ports"])).unwrap();
    let history = ports.history.as_deref().unwrap();
    assert!(matches!(&history[..], [Change::Replaced { previous }] if json(previous) == "[1:1]"));
    let service = root.at(&Path::keys(["services", "s"])).unwrap();
    let resets = service.history.as_deref().unwrap();
    assert_eq!(resets.len(), 2, "{resets:?}");
}

#[test]
fn histories_tell_what_each_layer_did() {
    let (root, _) = layers(&[
        "services: {s: {image: a, volumes: ['vv:/x']}}",
        "services: {s: {image: b, volumes: ['vw:/y', 'vu:/x']}}",
    ]);
    let at = |key| root.at(&Path::keys(["services", "s", key])).unwrap();
    let image = at("image").history.as_deref().unwrap();
    assert!(
        matches!(&image[..], [Change::Replaced { previous }] if previous.as_str() == Some("a"))
    );
    let volumes = at("volumes");
    let history = volumes.history.as_deref().unwrap();
    assert!(matches!(&history[..], [Change::Appended { kept: 1, .. }]));
    let first = &volumes.as_sequence().unwrap()[0];
    assert_eq!(first.as_str(), Some("vu:/x"));
    let history = first.history.as_deref().unwrap();
    assert!(
        matches!(&history[..], [Change::Replaced { previous }] if previous.as_str() == Some("vv:/x"))
    );
}

#[test]
fn kinds_that_do_not_meet_are_findings() {
    let (_, diagnostics) = layers(&[
        "services: {s: {ports: ['80:80'], deploy: {replicas: 1}}}",
        "services: {s: {ports: {a: b}, deploy: [x]}}",
    ]);
    let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`services.s.ports` is a list in a lower layer and a mapping here",
            "`services.s.deploy` is a mapping in a lower layer and a list here"
        ]
    );
}

fn values() -> impl proptest::strategy::Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::null(Span::NONE)),
        any::<bool>().prop_map(|value| Node::bool(value, Span::NONE)),
        (0i64..9).prop_map(|value| Node::int(value, Span::NONE)),
        "[a-c]{1,2}(=[a-c])?".prop_map(|text| Node::string(text, Span::NONE)),
    ];
    let key = proptest::sample::select(vec![
        "services",
        "s",
        "environment",
        "build",
        "ports",
        "depends_on",
        "networks",
        "ipam",
        "config",
        "logging",
        "driver",
        "volumes",
        "x",
    ]);
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| Node::sequence(items, Span::NONE)),
            proptest::collection::vec((key.clone(), inner), 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.into(), value));
                Node::mapping(members.collect(), Span::NONE)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn an_empty_layer_changes_nothing(document in values()) {
        let mut merged = document.clone();
        merge(&mut merged, Node::empty_mapping(Span::NONE), &mut Diagnostics::default());
        if document.as_mapping().is_some() {
            prop_assert_eq!(&merged, &document);
        }
    }

    #[test]
    fn nothing_below_is_the_layer_itself(document in values()) {
        if document.as_mapping().is_some() {
            let mut merged = Node::empty_mapping(Span::NONE);
            merge(&mut merged, document.clone(), &mut Diagnostics::default());
            prop_assert_eq!(json(&merged), json(&document));
        }
    }

    /// Whatever is merged: no panic, and keys of the lower layer keep their places.
    #[test]
    fn lower_keys_keep_their_order(lower in values(), higher in values()) {
        let mut merged = lower.clone();
        merge(&mut merged, higher, &mut Diagnostics::default());
        deduplicate(&mut merged, &mut Diagnostics::default());
        if let (Some(before), Some(after)) = (lower.as_mapping(), merged.as_mapping()) {
            let texts = |mapping: &Mapping| mapping.keys().take(before.len()).map(|key| key.text.clone()).collect::<Vec<_>>();
            prop_assert_eq!(texts(before), texts(after));
        }
    }
}
