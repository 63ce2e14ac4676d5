use std::fmt::Write as _;

use super::{Kind, Mapping, Node, scalar};

/// The tree as JSON. Keys come in the tree's order; what JSON cannot say (`.nan`, `.inf`) becomes null.
///
/// `pretty` indents by two spaces as `docker compose config --format json` does; otherwise there is no white space.
/// Without a line break at the end.
pub fn to_json(node: &Node, pretty: bool) -> String {
    let mut json = Json {
        text: String::new(),
        pretty,
    };
    json.value(node, 0);
    json.text
}

/// The tree as YAML, as `docker compose config` prints it: block style, two spaces, quotes only where a text would
/// otherwise be read as something else. Ends with a line break.
///
/// Reading it gives the same tree, except that tags are left out and a whole number is an integer even if it was a float.
pub fn to_yaml(node: &Node) -> String {
    let mut yaml = Yaml {
        text: String::new(),
    };
    match &node.kind {
        Kind::Mapping(entries) if !entries.is_empty() => yaml.mapping(entries, 0, false),
        Kind::Sequence(items) if !items.is_empty() => yaml.sequence(items, 0, false),
        _ => {
            yaml.inline(node, 0);
            yaml.text.push('\n');
        }
    }
    yaml.text
}

struct Json {
    text: String,
    pretty: bool,
}

impl Json {
    fn value(&mut self, node: &Node, depth: usize) {
        match &node.kind {
            Kind::Null => self.text.push_str("null"),
            Kind::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Kind::Int(value) => {
                let _ = write!(self.text, "{value}");
            }
            Kind::Float(value) if value.is_finite() => self.text.push_str(&json_float(*value)),
            Kind::Float(_) => self.text.push_str("null"),
            Kind::String(text) | Kind::Timestamp(text) => self.string(text),
            Kind::Sequence(items) if items.is_empty() => self.text.push_str("[]"),
            Kind::Mapping(entries) if entries.is_empty() => self.text.push_str("{}"),
            Kind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.text.push(if index == 0 { '[' } else { ',' });
                    self.line(depth + 1);
                    self.value(item, depth + 1);
                }
                self.line(depth);
                self.text.push(']');
            }
            Kind::Mapping(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.text.push(if index == 0 { '{' } else { ',' });
                    self.line(depth + 1);
                    self.string(&key.text);
                    self.text.push_str(if self.pretty { ": " } else { ":" });
                    self.value(value, depth + 1);
                }
                self.line(depth);
                self.text.push('}');
            }
        }
    }

    fn line(&mut self, depth: usize) {
        if self.pretty {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let escape: &str = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                // As Go escapes them, so that the text can stand inside HTML.
                '<' => "\\u003c",
                '>' => "\\u003e",
                '&' => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                control if control < ' ' => "",
                _ => continue,
            };
            self.text.push_str(&text[plain..at]);
            plain = at + character.len_utf8();
            if escape.is_empty() {
                let _ = write!(self.text, "\\u{:04x}", u32::from(character));
            } else {
                self.text.push_str(escape);
            }
        }
        self.text.push_str(&text[plain..]);
        self.text.push('"');
    }
}

/// The shortest decimal text that reads back as the same number, as Go prints it in JSON.
fn json_float(value: f64) -> String {
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        return format!("{value}");
    }
    let (mantissa, exponent) = scientific(value);
    format!("{mantissa}e{exponent:+}")
}

/// The same as Go prints it in YAML: with an exponent below 1e-4 and from 1e21 on, or from 1e6 on if there is a fraction.
fn yaml_float(value: f64) -> String {
    let magnitude = value.abs();
    let whole = value.fract() == 0.0;
    if value == 0.0 || (1e-4..if whole { 1e21 } else { 1e6 }).contains(&magnitude) {
        return format!("{value}");
    }
    let (mantissa, exponent) = scientific(value);
    format!("{mantissa}e{exponent:+03}")
}

fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

struct Yaml {
    text: String,
}

impl Yaml {
    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }

    /// `open`: the line already holds a dash, and the first entry goes on there.
    fn mapping(&mut self, entries: &Mapping, depth: usize, mut open: bool) {
        for (key, value) in entries {
            if !std::mem::take(&mut open) {
                self.indent(depth);
            }
            let explicit = self.key(&key.text);
            if explicit {
                self.text.push('\n');
                self.indent(depth);
            }
            self.text.push(':');
            self.after_colon(value, depth);
        }
    }

    fn after_colon(&mut self, value: &Node, depth: usize) {
        match &value.kind {
            Kind::Mapping(entries) if !entries.is_empty() => {
                self.text.push('\n');
                self.mapping(entries, depth + 1, false);
            }
            Kind::Sequence(items) if !items.is_empty() => {
                self.text.push('\n');
                self.sequence(items, depth + 1, false);
            }
            _ => {
                self.text.push(' ');
                self.inline(value, depth);
                self.text.push('\n');
            }
        }
    }

    fn sequence(&mut self, items: &[Node], depth: usize, mut open: bool) {
        for item in items {
            if !std::mem::take(&mut open) {
                self.indent(depth);
            }
            self.text.push_str("- ");
            match &item.kind {
                Kind::Mapping(entries) if !entries.is_empty() => {
                    self.mapping(entries, depth + 1, true);
                }
                Kind::Sequence(items) if !items.is_empty() => {
                    self.sequence(items, depth + 1, true);
                }
                _ => {
                    self.inline(item, depth);
                    self.text.push('\n');
                }
            }
        }
    }

    /// Writes a key. `true`: it is too long for a line of its own with its value and was written with `?`.
    fn key(&mut self, key: &str) -> bool {
        // YAML looks for the colon of a simple key within 1024 characters.
        let explicit = key.len() > 200;
        if explicit {
            self.text.push_str("? ");
        }
        if key != "<<" && is_plain(key) {
            self.text.push_str(key);
        } else {
            self.quoted(key);
        }
        explicit
    }

    fn inline(&mut self, node: &Node, depth: usize) {
        match &node.kind {
            Kind::Null => self.text.push_str("null"),
            Kind::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Kind::Int(value) => {
                let _ = write!(self.text, "{value}");
            }
            Kind::Float(value) if value.is_nan() => self.text.push_str(".nan"),
            Kind::Float(value) if value.is_infinite() => {
                self.text
                    .push_str(if *value > 0.0 { ".inf" } else { "-.inf" });
            }
            Kind::Float(value) => self.text.push_str(&yaml_float(*value)),
            Kind::Timestamp(text) => self.text.push_str(text),
            Kind::String(text) if is_literal(text) => self.literal(text, depth),
            Kind::String(text) if is_plain(text) => self.text.push_str(text),
            Kind::String(text) => self.quoted(text),
            Kind::Sequence(_) => self.text.push_str("[]"),
            Kind::Mapping(_) => self.text.push_str("{}"),
        }
    }

    /// A text of several lines as a `|` block.
    fn literal(&mut self, text: &str, depth: usize) {
        let body = text.trim_end_matches('\n');
        self.text.push('|');
        if body.starts_with(' ') {
            self.text.push('2');
        }
        self.text.push_str(match text.len() - body.len() {
            0 => "-",
            1 => "",
            _ => "+",
        });
        let kept = if text.len() - body.len() > 1 {
            text.strip_suffix('\n').unwrap_or(text)
        } else {
            body
        };
        for line in kept.split('\n') {
            self.text.push('\n');
            if !line.is_empty() {
                self.indent(depth + 1);
                self.text.push_str(line);
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        // Double quotes for what would be read as something else without any, as Compose prints it.
        let is_other = text.is_empty()
            || is_old_style(text)
            || !matches!(scalar::resolve(text), Kind::String(_));
        let needs_escapes = text.chars().any(|character| {
            character.is_control()
                || matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        });
        if !needs_escapes && !is_other {
            self.text.push('\'');
            self.text.push_str(&text.replace('\'', "''"));
            self.text.push('\'');
            return;
        }
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                other
                    if other.is_control()
                        || matches!(other, '\u{2028}' | '\u{2029}' | '\u{feff}') =>
                {
                    let code = u32::from(other);
                    let _ = match code {
                        ..0x100 => write!(self.text, "\\x{code:02X}"),
                        _ => write!(self.text, "\\u{code:04X}"),
                    };
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }
}

/// Whether a text of several lines can stand as a block and be read back as it is.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(['\n', '\t'])
        && !text.chars().any(|character| {
            (character.is_control() && !matches!(character, '\n' | '\t'))
                || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        })
        && text
            .split('\n')
            .all(|line| !line.starts_with('\t') && !line.ends_with([' ', '\t']))
}

/// Whether a text can stand without quotes and be read back as the same text.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let indicator = match first {
        '-' | '?' | ':' => text[1..]
            .chars()
            .next()
            .is_none_or(|next| next == ' ' || is_flow(next)),
        '!' | '&' | '*' | '#' | '|' | '>' | '@' | '`' | '"' | '\'' | '%' | '~' => true,
        other => is_flow(other),
    };
    if indicator
        || text.starts_with("---")
        || text.starts_with("...")
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace)
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(" #")
        || text.chars().any(|character| {
            character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        })
    {
        return false;
    }
    matches!(scalar::resolve(text), Kind::String(_)) && !is_old_style(text)
}

fn is_flow(character: char) -> bool {
    matches!(character, '[' | ']' | '{' | '}' | ',')
}

/// Words and numbers that YAML 1.1 reads as booleans or in base 60; other tools still do.
fn is_old_style(text: &str) -> bool {
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off"
    );
    let base_60 = text.contains(':')
        && text.trim_start_matches(['-', '+']).split(':').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'_' | b'.'))
        });
    word || base_60
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Key, SourceId, Span, parse};

    fn read(text: &str) -> Node {
        let mut diagnostics = Diagnostics::default();
        let mut documents = parse(SourceId(0), text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}\n{diagnostics:?}");
        documents.remove(0)
    }

    /// Equality without spans, and with NaN equal to itself.
    fn same(a: &Node, b: &Node) -> bool {
        match (&a.kind, &b.kind) {
            (Kind::Int(a), Kind::Float(b)) => *a as f64 == *b,
            (Kind::Float(a), Kind::Float(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Kind::Sequence(a), Kind::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Kind::Mapping(a), Kind::Mapping(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((a_key, a), (b_key, b))| a_key == b_key && same(a, b))
            }
            (a, b) => a == b,
        }
    }

    #[test]
    fn json_is_what_compose_prints() {
        let root = read(
            "a: [1, 1.5, 1e21, 1e-7, 100.0, -0.0, .nan]\nb: \"q\\\"\\\\\\n\\x01é\\u2028<&>\"\nc: {}\nd: []\ne:\nf: true\n",
        );
        assert_eq!(
            to_json(&root, false),
            "{\"a\":[1,1.5,1e+21,1e-7,100,-0,null],\"b\":\"q\\\"\\\\\\n\\u0001é\\u2028\\u003c\\u0026\\u003e\",\"c\":{},\"d\":[],\"e\":null,\"f\":true}"
        );
        assert_eq!(
            to_json(&read("a: {b: [1, {}]}"), true),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      {}\n    ]\n  }\n}"
        );
    }

    #[test]
    fn yaml_is_what_compose_prints() {
        let text = "services:\n  a:\n    command:\n      - sh\n      - -c\n      - |\n        one\n\n          two\n    environment:\n      A: \"1\"\n      B: \"yes\"\n      C: say \"x\"\n      D: \"\"\n      E: null\n      F: \"10:20\"\n      G: http://x:80/\n    ports:\n      - mode: ingress\n        target: 80\n    tmpfs: []\n    x-nested:\n      - - 1\n        - a: 1.5\n          b: {}\n";
        assert_eq!(to_yaml(&read(text)), text);
    }

    fn says(value: &serde_json::Value, node: &Node) -> bool {
        use serde_json::Value;
        match (value, &node.kind) {
            (Value::Null, Kind::Float(number)) => !number.is_finite(),
            (Value::Null, Kind::Null) => true,
            (Value::Bool(value), Kind::Bool(expected)) => value == expected,
            (Value::Number(value), Kind::Int(expected)) => value.as_i64() == Some(*expected),
            // The reader of JSON may be off by the last bit.
            (Value::Number(value), Kind::Float(expected)) => value
                .as_f64()
                .is_some_and(|value| (value - expected).abs() <= expected.abs() * 1e-15),
            (Value::String(value), Kind::String(expected)) => **value == **expected,
            (Value::Array(values), Kind::Sequence(items)) => {
                values.len() == items.len()
                    && values
                        .iter()
                        .zip(items)
                        .all(|(value, item)| says(value, item))
            }
            (Value::Object(values), Kind::Mapping(entries)) => {
                values.len() == entries.len()
                    && values
                        .iter()
                        .zip(entries.iter())
                        .all(|((name, value), (key, node))| {
                            **name == *key.text && says(value, node)
                        })
            }
            _ => false,
        }
    }

    #[test]
    fn scalars_are_written_as_compose_writes_them() {
        let compose = include_str!("emit_scalars.yml");
        assert_eq!(to_yaml(&read(compose)), compose);
    }

    fn leaf() -> impl proptest::strategy::Strategy<Value = Kind> {
        let words = "([-?:,\\[\\]{}#&*!|>'\"%@`~=. \t\n0-9a-zA-Zé_/\\\\+]|\\PC|null|true|yes|0x1|1e3|2001-01-01|<<|---){0,12}";
        prop_oneof![
            Just(Kind::Null),
            any::<bool>().prop_map(Kind::Bool),
            any::<i64>().prop_map(Kind::Int),
            any::<f64>().prop_map(Kind::Float),
            words.prop_map(|text| Kind::String(text.into())),
            // Of what YAML sees syntax in, close together.
            "(a|é|1| |#|:|-|: | #|- |,|\\[|'|\"|\n|\t){1,5}"
                .prop_map(|text| Kind::String(text.into())),
            any::<String>().prop_map(|text| Kind::String(text.into())),
            "a{1000,1100}".prop_map(|text| Kind::String(text.into())),
        ]
    }

    fn text(kind: &Kind) -> Box<str> {
        match kind {
            Kind::String(text) => text.clone(),
            other => format!("{other:?}").into(),
        }
    }

    fn tree() -> impl proptest::strategy::Strategy<Value = Node> {
        let leaf = leaf().prop_map(|kind| Node::new(kind, Span::NONE));
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5)
                    .prop_map(|items| Node::sequence(items, Span::NONE)),
                proptest::collection::vec((self::leaf(), inner), 0..5).prop_map(|pairs| {
                    let entries = pairs
                        .into_iter()
                        .map(|(key, value)| (Key::new(text(&key), Span::NONE), value));
                    Node::mapping(entries.collect(), Span::NONE)
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn yaml_reads_back_as_the_same_tree(tree in tree()) {
            let written = to_yaml(&tree);
            let mut diagnostics = Diagnostics::default();
            let documents = parse(SourceId(0), &written, &mut diagnostics);
            prop_assert!(diagnostics.is_empty(), "{}\n{:?}", written, diagnostics);
            prop_assert_eq!(documents.len(), 1);
            prop_assert!(same(&documents[0], &tree), "{}\n{:?}\n{:?}", written, documents[0], tree);
        }

        #[test]
        fn json_is_json_with_the_same_strings(tree in tree()) {
            for pretty in [false, true] {
                let written = to_json(&tree, pretty);
                let value: serde_json::Value = serde_json::from_str(&written).unwrap();
                prop_assert!(says(&value, &tree), "{}\n{:?}", written, tree);
            }
        }
    }
}
