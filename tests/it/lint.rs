//! `wharf lint` and `wharf schema`.

use serde_json::Value;

use crate::stage::{Stage, wharf};

const BASE: &str = "name: demo\nservices:\n  app:\n    image: app\n    ports:\n      - \"8080:8080\"\n    depends_on: [db]\n  db:\n    image: db\n    healthcheck: {test: [CMD, ready]}\n";
const DEV: &str = "services:\n  app:\n    ports:\n      - \"8080:3000\"\n";

fn demo() -> Stage {
    wharf()
        .file("docker-compose.base.yml", BASE)
        .file("docker-compose.dev.yml", DEV)
}

#[test]
fn findings_are_told_with_their_places_and_do_not_fail() {
    let outcome = demo().args(["lint", "dev"]).run();
    let said = outcome.stderr.clone();
    let text = outcome.succeeds();
    for part in [
        "warning[port-conflict]",
        "docker-compose.dev.yml:4:9",
        "docker-compose.base.yml:6:9",
        "ports: !override",
        "warning[health-not-awaited]",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(said.contains("2 warnings in 2 files"), "{said}");
    demo().args(["lint", "dev", "--strict"]).run().fails(3);
}

#[test]
fn errors_end_with_three_and_come_all_at_once() {
    let stage = wharf().file(
        "compose.yaml",
        "services:\n  a: {imge: x}\n  b: {image: x, ports: ['x']}\n",
    );
    let outcome = stage.args(["lint", "--format", "json"]).run();
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let findings: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let codes: Vec<&str> = findings
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert_eq!(codes, ["unknown-key", "bad-port"]);
}

#[test]
fn machines_can_read_the_findings() {
    let text = demo()
        .args(["lint", "dev", "--format", "sarif"])
        .run()
        .succeeds();
    let log: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(log["runs"][0]["results"].as_array().map(Vec::len), Some(2));
    let text = demo()
        .args(["lint", "dev", "--format", "github"])
        .run()
        .succeeds();
    assert!(text.starts_with("::warning file=docker-compose."), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_word_that_is_no_env_is_refused() {
    let said = demo().args(["lint", "dve"]).run().fails(2);
    assert!(said.contains("its envs are `dev`"), "{said}");
}

/// What a JSON schema says of a value, as far as the schemas of wharf use it. The places of what is wrong.
fn violations(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let fits = |schema: &Value| {
            let mut found = Vec::new();
            violations(schema, value, place, &mut found);
            found.is_empty()
        };
        if !alternatives.iter().any(fits) {
            found.push(format!("{place}: no alternative fits"));
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    };
    if !kinds.is_empty() && !kinds.iter().any(is) {
        found.push(format!("{place}: not {kinds:?}"));
    }
    if let Some(choices) = schema["enum"].as_array()
        && value.is_string()
        && !choices.contains(value)
    {
        found.push(format!("{place}: not one of {choices:?}"));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        violations(&schema["items"], item, &format!("{place}[{at}]"), found);
    }
    let Some(members) = value.as_object() else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(name.as_str().expect("a name")) {
            found.push(format!("{place}: lacks {name}"));
        }
    }
    for (name, member) in members {
        let place = format!("{place}.{name}");
        let patterns = schema["patternProperties"].as_object();
        let by_pattern = patterns
            .into_iter()
            .flatten()
            .find(|(pattern, _)| *pattern != "^x-" || name.starts_with("x-"));
        if let Some(schema) = schema["properties"].get(name) {
            violations(schema, member, &place, found);
        } else if let Some((_, schema)) = by_pattern {
            violations(schema, member, &place, found);
        } else if schema["additionalProperties"] == false {
            found.push(format!("{place}: is not allowed"));
        } else if schema["additionalProperties"].is_object() {
            violations(&schema["additionalProperties"], member, &place, found);
        }
    }
}

fn schema(arguments: &[&str]) -> Value {
    let text = wharf().args(arguments.iter().copied()).run().succeeds();
    serde_json::from_str(&text).expect("JSON")
}

/// Every Compose file of the repository's own stacks.
fn own_files() -> Vec<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![root.to_path_buf()];
    let stacks = std::fs::read_dir(root.join("stacks")).expect("the stacks");
    directories.extend(stacks.map(|entry| entry.expect("a stack").path()));
    directories
        .iter()
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("docker-compose") && name.ends_with(".yml"))
        })
        .collect()
}

#[test]
fn the_bundled_stacks_fit_the_schemas() {
    let extension = schema(&["schema"]);
    let file_schema = schema(&["schema", "--file"]);
    let files = own_files();
    assert!(files.len() >= 4, "{files:?}");
    let mut extensions = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).expect("the file");
        // Tags of Compose that YAML itself does not know.
        let text = text.replace("!override", "").replace("!reset", "");
        let yaml: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let mut yaml = yaml;
        yaml.apply_merge().expect("mappings below `<<`");
        let value = serde_json::to_value(yaml).expect("JSON");
        let mut found = Vec::new();
        violations(&file_schema, &value, "", &mut found);
        if let Some(own) = value.get("x-wharf") {
            extensions += 1;
            violations(&extension, own, "x-wharf", &mut found);
        }
        for service in value["services"].as_object().into_iter().flatten() {
            if let Some(own) = service.1.get("x-wharf") {
                extensions += 1;
                violations(
                    &extension["definitions"]["service"],
                    own,
                    service.0,
                    &mut found,
                );
            }
        }
        assert_eq!(found, Vec::<String>::new(), "{}", path.display());
    }
    assert!(extensions >= 2, "the stacks say little of `x-wharf`");
    let mut found = Vec::new();
    let wrong = serde_json::json!({"test": {"srvice": "app"}});
    violations(&extension, &wrong, "x-wharf", &mut found);
    assert_eq!(found, ["x-wharf.test.srvice: is not allowed"]);
}
