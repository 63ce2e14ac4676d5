use smol_str::SmolStr;

use super::{Mapping, Path, Segment, Span};

/// A value of a document, with the place where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub kind: Kind,
    /// Where the value that won was written; [`Span::NONE`] for defaults.
    pub span: Span,
    /// A local tag that steers merging.
    pub tag: Option<Tag>,
    /// What happened to the value on its way, oldest first. `None`: written once, as it stands.
    pub history: Option<Box<Vec<Change>>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number above [`i64::MAX`].
    Unsigned(u64),
    Float(f64),
    String(SmolStr),
    /// An unquoted YAML timestamp, as written. Compose accepts it nowhere, so it is kept only to say so.
    Timestamp(SmolStr),
    /// Boxed, as mappings are: most values are scalars, which need less room than what makes a list.
    Sequence(Box<Vec<Node>>),
    Mapping(Box<Mapping>),
}

/// A mapping's key and where it was written.
#[derive(Clone, Debug)]
pub struct Key {
    pub text: SmolStr,
    pub span: Span,
}

/// The local tags of Compose.
/// <https://github.com/compose-spec/compose-spec/blob/main/13-merge.md#reset-value>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: remove what lower layers set.
    Reset,
    /// `!override`: replace what lower layers set instead of merging with it.
    Override,
}

/// One event in the life of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Variables were substituted in the text at `template`.
    Interpolated {
        template: Span,
        substitutions: Vec<Substitution>,
    },
    /// A higher layer replaced `previous`.
    Replaced { previous: Box<Node> },
    /// A higher layer added elements after the first `kept` ones.
    Appended { kept: usize, by: Span },
    /// `!reset` removed `previous`.
    Reset { previous: Box<Node>, by: Span },
    /// Brought in by `extends`, from the service at this span.
    Extended { from: Span },
    /// wharf or the specification supplies the value; the text names the rule.
    Defaulted { rule: &'static str },
}

/// One variable that was substituted.
#[derive(Clone, Debug, PartialEq)]
pub struct Substitution {
    pub variable: SmolStr,
    pub supply: Supply,
}

/// Who supplied a variable's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Supply {
    /// The process environment.
    Shell,
    /// An env file; the span is the line's.
    EnvFile(Span),
    /// wharf itself: `UID` and `GID` of the caller.
    Caller,
    /// The default or alternative written in the expression.
    Expression,
    /// Set nowhere: an empty text.
    Unset,
}

impl Kind {
    /// A number without its fraction; the nearest there is for one that is too large or too small. `None`: no number.
    pub fn as_whole(&self) -> Option<i64> {
        match self {
            Kind::Int(value) => Some(*value),
            Kind::Unsigned(_) => Some(i64::MAX),
            Kind::Float(value) => Some(*value as i64),
            _ => None,
        }
    }

    /// `None`: no number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Kind::Int(value) => Some(*value as f64),
            Kind::Unsigned(value) => Some(*value as f64),
            Kind::Float(value) => Some(*value),
            _ => None,
        }
    }
}

impl From<Vec<Node>> for Kind {
    fn from(items: Vec<Node>) -> Self {
        Kind::Sequence(Box::new(items))
    }
}

impl From<Mapping> for Kind {
    fn from(entries: Mapping) -> Self {
        Kind::Mapping(Box::new(entries))
    }
}

/// Written nowhere.
impl From<serde_json::Value> for Node {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), ..) => Kind::Int(whole),
                (None, Some(whole), _) => Kind::Unsigned(whole),
                (None, None, Some(value)) => Kind::Float(value),
                (None, None, None) => Kind::String(number.to_string().into()),
            },
            Value::String(text) => Kind::String(text.into()),
            Value::Array(items) => items.into_iter().map(Node::from).collect::<Vec<_>>().into(),
            Value::Object(members) => {
                let mut mapping = Mapping::new();
                for (key, value) in members {
                    mapping.insert(key.as_str().into(), value.into());
                }
                mapping.into()
            }
        };
        Node::new(kind, Span::NONE)
    }
}

impl Node {
    pub fn new(kind: Kind, span: Span) -> Self {
        Node {
            kind,
            span,
            tag: None,
            history: None,
        }
    }

    pub fn null(span: Span) -> Self {
        Node::new(Kind::Null, span)
    }

    pub fn string(text: impl Into<SmolStr>, span: Span) -> Self {
        Node::new(Kind::String(text.into()), span)
    }

    pub fn bool(value: bool, span: Span) -> Self {
        Node::new(Kind::Bool(value), span)
    }

    pub fn int(value: i64, span: Span) -> Self {
        Node::new(Kind::Int(value), span)
    }

    pub fn sequence(items: Vec<Node>, span: Span) -> Self {
        Node::new(items.into(), span)
    }

    pub fn mapping(entries: Mapping, span: Span) -> Self {
        Node::new(entries.into(), span)
    }

    pub fn empty_mapping(span: Span) -> Self {
        Node::mapping(Mapping::new(), span)
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_sequence_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The member of a mapping; `None` for other kinds and absent keys.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.get_mut(key)
    }

    /// The value at `path`; `None` where the document has nothing there.
    pub fn at(&self, path: &Path) -> Option<&Node> {
        path.segments()
            .iter()
            .try_fold(self, |node, segment| match segment {
                Segment::Key(key) => node.get(key),
                Segment::Index(index) => node.as_sequence()?.get(*index),
            })
    }

    /// Notes an event in the value's life.
    pub fn record(&mut self, change: Change) {
        let history = self.history.get_or_insert_default();
        // Most values have one event, and there are very many values.
        history.reserve_exact(1);
        history.push(change);
    }

    /// Notes that `lower` lay below everything that the value knows of its past.
    pub fn put_below(&mut self, lower: Node) {
        let history = self.history.get_or_insert_default();
        for change in history.iter_mut() {
            if let Change::Replaced { previous } | Change::Reset { previous, .. } = change {
                return previous.put_below(lower);
            }
        }
        self.record(Change::Replaced {
            previous: Box::new(lower),
        });
    }

    /// What the value is, in words for messages: `a mapping`, `a string`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::Unsigned(_) => "an integer",
            Kind::Float(_) => "a number",
            Kind::String(_) => "a string",
            Kind::Timestamp(_) => "a date",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }
}

impl Key {
    pub fn new(text: impl Into<SmolStr>, span: Span) -> Self {
        Key {
            text: text.into(),
            span,
        }
    }
}

/// A key that stands in no file.
impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key::new(text, Span::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_below_becomes_the_oldest() {
        let int = |value| Node::int(value, Span::NONE);
        let mut value = int(3);
        value.record(Change::Replaced {
            previous: Box::new(int(2)),
        });
        value.put_below(int(1));
        let previous = |node: &Node| match node.history.as_deref().map(Vec::as_slice) {
            Some([Change::Replaced { previous }]) => (**previous).clone(),
            other => panic!("{other:?}"),
        };
        let middle = previous(&value);
        assert_eq!(middle.as_int(), Some(2));
        assert_eq!(previous(&middle).as_int(), Some(1));
    }

    #[test]
    fn walks_a_path() {
        let mut ports = Mapping::new();
        ports.insert(
            "ports".into(),
            Node::sequence(vec![Node::string("80", Span::NONE)], Span::NONE),
        );
        let root = Node::mapping(ports, Span::NONE);
        let found = root.at(&Path::keys(["ports"]).index(0));
        assert_eq!(found.and_then(Node::as_str), Some("80"));
        assert!(root.at(&Path::keys(["ports", "x"])).is_none());
    }
}
