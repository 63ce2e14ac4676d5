use crate::source::{Kind, Node};

use super::shorthand::Expand;

/// What a value may look like, and what it becomes.
#[derive(Clone, Copy)]
pub enum Shape {
    /// Anything at all; kept as written.
    Any,
    Null,
    Scalar(&'static Scalar),
    List(&'static List),
    Map(&'static Map),
    Record(&'static Record),
    /// Exactly one of the alternatives, told apart by the kind of the value.
    OneOf(&'static [Shape]),
    Short(&'static Short),
}

/// A value without parts.
pub struct Scalar {
    pub kinds: Kinds,
    pub cast: Cast,
    /// The only texts allowed. Empty: any.
    pub choices: &'static [&'static str],
    /// Inclusive bounds of an integer, also of one written as text.
    pub range: Option<(i64, i64)>,
    pub rule: Option<Rule>,
}

/// Whether a text is allowed, and what is, in words.
pub type Rule = (fn(&str) -> bool, &'static str);

/// A set of kinds of scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    pub const NULL: Kinds = Kinds(1);
    pub const BOOL: Kinds = Kinds(2);
    pub const INTEGER: Kinds = Kinds(4);
    /// Integers too.
    pub const NUMBER: Kinds = Kinds(4 | 8);
    pub const STRING: Kinds = Kinds(16);

    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub fn allow(self, node: &Node) -> bool {
        let bit = match &node.kind {
            Kind::Null => Self::NULL,
            Kind::Bool(_) => Self::BOOL,
            Kind::Int(_) | Kind::Unsigned(_) => Self::INTEGER,
            Kind::Float(value) if value.fract() == 0.0 => Self::INTEGER,
            Kind::Float(_) => Kinds(8),
            Kind::String(_) => Self::STRING,
            Kind::Timestamp(_) | Kind::Sequence(_) | Kind::Mapping(_) => return false,
        };
        self.0 & bit.0 != 0
    }

    /// `a string or a number`.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (Self::STRING, "a string"),
            (Kinds(8), "a number"),
            (Self::INTEGER, "an integer"),
            (Self::BOOL, "a boolean"),
            (Self::NULL, "null"),
        ];
        all.into_iter()
            .filter(|(bit, name)| self.0 & bit.0 != 0 && (*name != "an integer" || self.0 & 8 == 0))
            .map(|(_, name)| name)
            .collect()
    }
}

/// How a scalar is read once short forms are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// As written.
    Keep,
    /// Numbers and booleans become text; null the empty text.
    Text,
    /// As `Text`, but null stays.
    TextOrNull,
    /// `yes`, `on`, `y`, `true` and their opposites.
    Bool,
    /// Whole; a fraction is cut off.
    Int,
    /// Whole and not negative.
    Count,
    /// Single precision, as Compose holds it.
    Float,
    /// Printed as the text of a number of bytes.
    Bytes,
    Duration,
    /// Permission bits, printed as octal text.
    FileMode,
    /// A number or `all`, which is -1.
    DeviceCount,
    /// A number that stands for the soft and the hard limit; zero becomes the pair.
    Limit,
}

pub struct List {
    pub item: Shape,
    /// No value may stand in it twice.
    pub unique: bool,
}

/// A mapping whose keys are the user's own.
pub struct Map {
    pub keys: Keys,
    pub value: Shape,
    /// Keys of another form are allowed, with any value.
    pub open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    Any,
    /// Any but the empty text.
    Filled,
    /// Letters, digits, `.`, `_`, `-`.
    Name,
    /// Lower-case letters.
    Ulimit,
}

impl Keys {
    pub fn allow(self, key: &str) -> bool {
        match self {
            Keys::Any => true,
            Keys::Filled => !key.is_empty(),
            Keys::Name => {
                !key.is_empty()
                    && key
                        .bytes()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
            }
            Keys::Ulimit => !key.is_empty() && key.bytes().all(|c| c.is_ascii_lowercase()),
        }
    }
}

/// A mapping whose keys are the specification's.
pub struct Record {
    /// `a service`, for messages.
    pub what: &'static str,
    pub fields: &'static [Field],
    pub required: &'static [&'static str],
    /// Whether `x-` keys are allowed.
    pub extensible: bool,
    /// Whether any other key is allowed, and dropped.
    pub open: bool,
}

impl Record {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.position(name).map(|at| &self.fields[at])
    }

    /// Where a field stands in [`Record::fields`].
    pub fn position(&self, name: &str) -> Option<usize> {
        // Ends are compared before texts: of the hundred fields of a service hardly two agree in them.
        let name = name.as_bytes();
        let (first, last) = (name.first(), name.last());
        self.fields.iter().position(|field| {
            let own = field.name.as_bytes();
            own.len() == name.len() && own.first() == first && own.last() == last && own == name
        })
    }
}

pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub print: Print,
    /// The key in JSON where it differs from the one in YAML.
    pub json: Option<&'static str>,
}

/// When `docker compose config` prints a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// Unless it is zero, false or empty.
    Value,
    /// When it is set, zero or not.
    Set,
    /// When it is set; JSON says `null` where it is not.
    Nullable,
    /// Unless it is empty; JSON says `{}` where it is.
    Struct,
    /// When it is set; a zero is left out of JSON.
    YamlZero,
    /// Unless it is empty; JSON leaves it out.
    YamlOnly,
    /// Always, with its zero value where it is not set.
    Zero,
    /// Never: Compose reads it and forgets it.
    Never,
}

/// An attribute with short forms.
pub struct Short {
    pub accepts: Shape,
    pub expand: Expand,
    /// The long form.
    pub becomes: Shape,
}

const fn field(name: &'static str, shape: Shape, print: Print) -> Field {
    Field {
        name,
        shape,
        print,
        json: None,
    }
}

/// Printed unless it is zero, false or empty.
pub const fn value(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::Value)
}

/// Printed when it is set.
pub const fn set(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::Set)
}

pub const fn nullable(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::Nullable)
}

pub const fn structure(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::Struct)
}

pub const fn yaml_zero(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::YamlZero)
}

pub const fn yaml_only(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::YamlOnly)
}

pub const fn never(name: &'static str, shape: Shape) -> Field {
    field(name, shape, Print::Never)
}

pub const fn capitalised(name: &'static str, json: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        print: Print::Zero,
        json: Some(json),
    }
}

const fn scalar(kinds: Kinds, cast: Cast) -> Scalar {
    Scalar {
        kinds,
        cast,
        choices: &[],
        range: None,
        rule: None,
    }
}

pub const fn choice(choices: &'static [&'static str]) -> Scalar {
    Scalar {
        choices,
        ..scalar(Kinds::STRING, Cast::Keep)
    }
}

pub const fn ruled(rule: fn(&str) -> bool, allowed: &'static str) -> Scalar {
    Scalar {
        rule: Some((rule, allowed)),
        ..scalar(Kinds::STRING, Cast::Keep)
    }
}

pub const fn ranged(least: i64, most: i64, cast: Cast) -> Scalar {
    Scalar {
        range: Some((least, most)),
        ..scalar(Kinds::STRING.or(Kinds::INTEGER), cast)
    }
}

pub const TEXT: Shape = Shape::Scalar(&scalar(Kinds::STRING, Cast::Keep));
pub const TEXT_OR_NULL: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NULL), Cast::TextOrNull));
pub const FLAG: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::BOOL), Cast::Bool));
/// A boolean that may not be written as text.
pub const STRICT_FLAG: Shape = Shape::Scalar(&scalar(Kinds::BOOL, Cast::Bool));
/// A text that may be written as a boolean.
pub const TEXT_OR_FLAG: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::BOOL), Cast::Text));
pub const TEXT_OR_NUMBER: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::Text));
pub const TEXT_OR_INTEGER: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::Text));
pub const INTEGER: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::Int));
pub const STRICT_INTEGER: Shape = Shape::Scalar(&scalar(Kinds::INTEGER, Cast::Int));
pub const COUNT: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::Count));
pub const NUMBER: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::Int));
pub const STRICT_NUMBER: Shape = Shape::Scalar(&scalar(Kinds::NUMBER, Cast::Int));
pub const NUMBER_COUNT: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::Count));
pub const FLOAT: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::Float));
pub const BYTES: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::Bytes));
pub const BYTES_NUMBER: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::Bytes));
pub const BYTES_TEXT: Shape = Shape::Scalar(&scalar(Kinds::STRING, Cast::Bytes));
pub const DURATION: Shape = Shape::Scalar(&scalar(Kinds::STRING, Cast::Duration));
pub const FILE_MODE: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::NUMBER), Cast::FileMode));
pub const LIMIT: Shape = Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::Limit));
pub const DEVICE_COUNT: Shape =
    Shape::Scalar(&scalar(Kinds::STRING.or(Kinds::INTEGER), Cast::DeviceCount));

const ANY_SCALAR: Kinds = Kinds::STRING
    .or(Kinds::NUMBER)
    .or(Kinds::BOOL)
    .or(Kinds::NULL);
/// A value of an options mapping: text, with null as the empty text.
pub const OPTION: Shape = Shape::Scalar(&scalar(ANY_SCALAR, Cast::Text));
/// A value of an environment mapping: text, or null for "not set here".
pub const VARIABLE: Shape = Shape::Scalar(&scalar(ANY_SCALAR, Cast::TextOrNull));
/// As [`OPTION`] without booleans.
pub const NUMBER_OPTION: Shape = Shape::Scalar(&scalar(
    Kinds::STRING.or(Kinds::NUMBER).or(Kinds::NULL),
    Cast::Text,
));

/// Texts, none of them twice.
pub const NAMES: Shape = Shape::List(&List {
    item: TEXT,
    unique: true,
});
pub const TEXTS: Shape = Shape::List(&List {
    item: TEXT,
    unique: false,
});
/// Options whose values may be text or numbers.
pub const OPTIONS: Shape = Shape::Map(&Map {
    keys: Keys::Any,
    value: TEXT_OR_NUMBER,
    open: false,
});

impl Shape {
    /// The alternative that a value of this kind is to be read by; `None` when there is none.
    pub fn alternative(self, node: &Node) -> Option<Shape> {
        match self {
            Shape::OneOf(alternatives) => alternatives
                .iter()
                .find_map(|shape| shape.alternative(node)),
            Shape::Short(short) => short.accepts.alternative(node).map(|_| self),
            Shape::Any => Some(self),
            Shape::Null => node.is_null().then_some(self),
            Shape::Scalar(scalar) => scalar.kinds.allow(node).then_some(self),
            Shape::List(_) => node.as_sequence().map(|_| self),
            Shape::Map(_) | Shape::Record(_) => node.as_mapping().map(|_| self),
        }
    }

    /// What is allowed here, in words, for messages.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Shape::Any => vec!["anything"],
            Shape::Null => vec!["null"],
            Shape::Scalar(scalar) => scalar.kinds.names(),
            Shape::List(_) => vec!["a list"],
            Shape::Map(_) | Shape::Record(_) => vec!["a mapping"],
            Shape::Short(short) => short.accepts.names(),
            Shape::OneOf(alternatives) => {
                let mut names = Vec::new();
                for name in alternatives.iter().flat_map(|shape| shape.names()) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                names
            }
        }
    }

    /// The long form of an attribute with short forms, else the shape itself.
    pub fn long(self) -> Shape {
        match self {
            Shape::Short(short) => short.becomes.long(),
            other => other,
        }
    }
}
