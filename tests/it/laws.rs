//! Laws of the model, for any project.

use proptest::prelude::*;
use wharf::config::{Format, Print, document};
use wharf::load::{Environment, LoadRequest, MemoryDisk, load};
use wharf::resolve::{Options, Resolved, resolve};
use wharf::source::{Kind, Node, Sources};

/// What layers say, lowest first.
fn resolved(layers: &[String]) -> Resolved {
    let mut disk = MemoryDisk::default();
    let mut request = LoadRequest::default();
    for (at, text) in layers.iter().enumerate() {
        disk = disk.with(format!("/p/{at}.yml"), text.as_str());
        request.files.push(format!("{at}.yml"));
    }
    let environment = Environment {
        working_directory: "/p".into(),
        ..Environment::default()
    };
    let loaded = load(&request, &disk, &environment);
    resolve(loaded, &disk, &environment, &Options::default())
}

fn printed(resolved: &Resolved) -> String {
    let print = Print {
        format: Format::Yaml,
        mask: false,
        keep_variables: false,
    };
    document(resolved, print)
}

/// One attribute of a service, in one of its forms.
fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}".prop_map(|name| format!("hostname: {name}")),
        Just("command: 'run --it \"a b\"'".to_owned()),
        Just("command: [run, $$HOME]".to_owned()),
        (1..9u8).prop_map(|n| format!("environment: {{A: {n}, B: 'x$$y'}}")),
        (1..9u8).prop_map(|n| format!("environment: [A={n}, C]")),
        (1..9u16).prop_map(|n| format!("ports: ['{}:80', '127.0.0.1:9{n}:90/udp']", 8000 + n)),
        (1..9u8).prop_map(|n| format!("expose: [{n}]")),
        Just("volumes: ['data:/d:ro', './src:/src', '/anonymous']".to_owned()),
        Just("volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64k}}]".to_owned()),
        (1..99u8).prop_map(|n| format!("stop_grace_period: {n}m30s")),
        (1..99u8).prop_map(|n| format!("shm_size: {n}m")),
        (1..9u8)
            .prop_map(|n| format!("healthcheck: {{test: 'curl x', interval: {n}s, retries: {n}}}")),
        Just("networks: {back: {aliases: [x, y]}}".to_owned()),
        Just("labels: [a.b=c, d]".to_owned()),
        Just("ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}".to_owned()),
        Just("deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 1g}}}".to_owned()),
        Just("build: {context: ./b, args: [X=1], additional_contexts: {a: ./c}}".to_owned()),
        Just("extra_hosts: ['h:1.2.3.4', 'i=host-gateway']".to_owned()),
        Just("secrets: [s]".to_owned()),
        Just("restart: 'no'".to_owned()),
        Just("tmpfs: /run".to_owned()),
        Just("x-own: {a: [1, 2.5, null, true]}".to_owned()),
    ]
}

const REST: &str =
    "volumes: {data: }\nnetworks: {back: {driver: bridge}}\nsecrets: {s: {file: ./s}}\n";

fn service(name: &str, attributes: &[String]) -> String {
    let mut text = format!("  {name}:\n    image: i\n");
    let mut seen = Vec::new();
    for attribute in attributes {
        let key = attribute.split(':').next().unwrap_or_default();
        if !seen.contains(&key) {
            seen.push(key);
            text.push_str(&format!("    {attribute}\n"));
        }
    }
    text
}

fn project() -> impl Strategy<Value = String> {
    let attributes = || prop::collection::vec(attribute(), 0..6);
    (attributes(), attributes()).prop_map(|(a, b)| {
        format!(
            "name: p\nservices:\n{}{}{REST}",
            service("a", &a),
            service("b", &b)
        )
    })
}

fn spans_hold(node: &Node, sources: &Sources) -> Result<(), TestCaseError> {
    if let (Kind::String(text), true) = (&node.kind, node.history.is_none()) {
        let written = sources.slice(node.span);
        prop_assert!(
            !node.span.is_some() || written.is_some(),
            "{text} has a span outside of its file"
        );
    }
    match &node.kind {
        Kind::Sequence(items) => items.iter().try_for_each(|item| spans_hold(item, sources)),
        Kind::Mapping(members) => members.iter().try_for_each(|(key, member)| {
            if key.span.is_some() {
                let written = sources.slice(key.span).unwrap_or_default();
                prop_assert!(
                    written.contains(&*key.text),
                    "`{}` is not in `{written}`",
                    key.text
                );
            }
            spans_hold(member, sources)
        }),
        _ => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// What is printed means what was printed.
    #[test]
    fn a_printed_project_is_the_same_project(text in project()) {
        let first = resolved(&[text]);
        prop_assert!(!first.diagnostics.has_errors(), "{:?}", first.diagnostics);
        let text = printed(&first);
        let again = resolved(std::slice::from_ref(&text));
        prop_assert!(!again.diagnostics.has_errors(), "{:?}\n{text}", again.diagnostics);
        prop_assert_eq!(printed(&again), text);
        prop_assert_eq!(again.project.services, first.project.services);
    }

    /// A layer over nothing but the names of what is there changes nothing.
    #[test]
    fn a_layer_that_says_nothing_changes_nothing(text in project()) {
        let alone = resolved(std::slice::from_ref(&text));
        let empty = "services: {a: {}, b: {}}\n".to_owned();
        let both = resolved(&[text, empty]);
        prop_assert_eq!(printed(&both), printed(&alone));
    }

    /// Layers that speak of different services can come in any order.
    #[test]
    fn independent_layers_come_in_any_order(a in prop::collection::vec(attribute(), 0..6), b in prop::collection::vec(attribute(), 0..6), base in project()) {
        let a = format!("services:\n{}", service("a", &a));
        let b = format!("services:\n{}", service("b", &b));
        let one = resolved(&[base.clone(), a.clone(), b.clone()]);
        let other = resolved(&[base, b, a]);
        prop_assert_eq!(one.diagnostics.has_errors(), other.diagnostics.has_errors());
        prop_assert_eq!(printed(&one), printed(&other));
    }

    /// Every value of the project knows a place that exists, and keys stand where they say.
    #[test]
    fn spans_name_the_text_that_they_came_from(text in project()) {
        let resolved = resolved(&[text]);
        spans_hold(&resolved.document, &resolved.sources)?;
    }
}
