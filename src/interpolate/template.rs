use std::borrow::Cow;
use std::ops::Range;

/// A text with variables in it, taken apart.
/// <https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'t> {
    pub parts: Vec<Part<'t>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// Text that stays; `$$` is already `$`.
    Text(&'t str),
    Expression(Expression<'t>),
}

/// `$NAME` or `${NAME..}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression<'t> {
    pub name: &'t str,
    /// Where it stands in the outermost text, in bytes.
    pub range: Range<usize>,
    /// What follows the name in braces. `None`: the plain value.
    pub operation: Option<Operation<'t>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<'t> {
    pub operator: Operator,
    /// The operator has a colon: an empty value counts as unset.
    pub empty_is_unset: bool,
    /// What follows the operator, as written.
    pub argument: &'t str,
    /// The argument taken apart.
    pub template: Template<'t>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `-`: the argument, when the variable is unset.
    Default,
    /// `+`: the argument, when the variable is set.
    Alternative,
    /// `?`: an error with the argument as its message, when the variable is unset.
    Required,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub reason: Reason,
    /// The expression that is wrong, in bytes of the text.
    pub range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `${` without its `}` on the same line.
    Unclosed,
    /// `${}` or `${1}`: no name at the start.
    NoName,
    /// Something other than an operator follows the name: `${A.b}`, `${A:=x}`.
    NoOperator,
    /// More than [`MAX_NESTING`] expressions inside each other.
    TooDeep,
    /// More than [`MAX_EXPRESSIONS`] expressions.
    TooMany,
}

impl Reason {
    /// The rule that was broken, as a sentence.
    pub fn rule(self) -> &'static str {
        match self {
            Reason::Unclosed => "`${` must be closed by `}` on the same line",
            Reason::NoName => "a variable's name begins with a letter or `_`",
            Reason::NoOperator => {
                "after a variable's name come `}` or one of `:-` `-` `:?` `?` `:+` `+`"
            }
            Reason::TooDeep => "expressions are nested more than 32 levels deep",
            Reason::TooMany => "one value names more than 10,000 variables",
        }
    }
}

/// How many expressions may stand inside each other.
pub const MAX_NESTING: usize = 32;

/// How many expressions one text may hold, not counting those inside others.
pub const MAX_EXPRESSIONS: usize = 10_000;

/// Whether the text needs to be looked at: it holds a `$`.
pub fn has_variables(text: &str) -> bool {
    text.as_bytes().contains(&b'$')
}

/// Takes a text apart. A `$` that begins neither a name nor `${` nor `$$` is an ordinary character.
pub fn parse(text: &str) -> Result<Template<'_>, TemplateError> {
    parse_at(text, 0, 0)
}

fn parse_at(text: &str, base: usize, depth: usize) -> Result<Template<'_>, TemplateError> {
    let mut parts = Vec::new();
    let mut kept = 0;
    let mut at = 0;
    let mut expressions = 0;
    while let Some(found) = text[at..].find('$') {
        let dollar = at + found;
        if expressions >= MAX_EXPRESSIONS {
            return Err(TemplateError {
                reason: Reason::TooMany,
                range: base + dollar..base + dollar + 1,
            });
        }
        let after = &text[dollar + 1..];
        let (part, end) = match after.bytes().next() {
            Some(b'$') => (Part::Text("$"), dollar + 2),
            Some(b'{') => {
                let (expression, length) = braced(&text[dollar..], base + dollar, depth)?;
                (Part::Expression(expression), dollar + length)
            }
            Some(byte) if is_name_start(byte) => {
                let end = dollar + 1 + name_length(after);
                let expression = Expression {
                    name: &text[dollar + 1..end],
                    range: base + dollar..base + end,
                    operation: None,
                };
                (Part::Expression(expression), end)
            }
            _ => {
                at = dollar + 1;
                continue;
            }
        };
        if kept < dollar {
            parts.push(Part::Text(&text[kept..dollar]));
        }
        expressions += usize::from(matches!(part, Part::Expression(_)));
        parts.push(part);
        at = end;
        kept = end;
    }
    if kept < text.len() {
        parts.push(Part::Text(&text[kept..]));
    }
    Ok(Template { parts })
}

/// The expression at the start of `text`, which begins with `${`, and its length.
fn braced(text: &str, base: usize, depth: usize) -> Result<(Expression<'_>, usize), TemplateError> {
    let error = |reason, length| {
        Err(TemplateError {
            reason,
            range: base..base + length,
        })
    };
    let Some(closing) = closing_brace(text) else {
        return error(Reason::Unclosed, text.find('\n').unwrap_or(text.len()));
    };
    if depth >= MAX_NESTING {
        return error(Reason::TooDeep, "${".len());
    }
    let length = closing + 1;
    let body = &text[2..length - 1];
    let name = &body[..name_length(body)];
    if name.is_empty() || !is_name_start(name.as_bytes()[0]) {
        return error(Reason::NoName, length);
    }
    let tail = &body[name.len()..];
    let empty_is_unset = tail.starts_with(':');
    let operator = match tail.as_bytes().get(usize::from(empty_is_unset)) {
        Some(b'-') => Operator::Default,
        Some(b'+') => Operator::Alternative,
        Some(b'?') => Operator::Required,
        None if !empty_is_unset => {
            let expression = Expression {
                name,
                range: base..base + length,
                operation: None,
            };
            return Ok((expression, length));
        }
        _ => return error(Reason::NoOperator, length),
    };
    let argument = &tail[usize::from(empty_is_unset) + 1..];
    let argument_base = base + length - 1 - argument.len();
    let template = parse_at(argument, argument_base, depth + 1)?;
    let expression = Expression {
        name,
        range: base..base + length,
        operation: Some(Operation {
            operator,
            empty_is_unset,
            argument,
            template,
        }),
    };
    Ok((expression, length))
}

/// The `}` that closes the `${` at the start. Braces inside may stand in pairs, as in JSON; where they do not, the last `}` of
/// the line closes. The character after a `{` is never looked at. All of this is Compose's way. `None`: the line has none.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut last = None;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\n' => break,
            b'{' => {
                open += 1;
                if let Some((after, byte)) = bytes.next_if(|(_, byte)| *byte != b'\n')
                    && byte == b'}'
                {
                    last = Some(after);
                }
            }
            b'}' => {
                last = Some(at);
                open = open.saturating_sub(1);
                if open == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    last
}

fn is_name_start(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic()
}

fn name_length(text: &str) -> usize {
    text.bytes()
        .take_while(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
        .count()
}

/// A variable that has no value although its expression requires one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing<'t> {
    pub name: &'t str,
    /// The expression, in bytes of the text.
    pub range: Range<usize>,
    /// What the author wrote after `?`; may be empty.
    pub message: String,
}

impl<'t> Template<'t> {
    /// The text with its variables replaced. `resolve` is asked once for each expression that is reached.
    ///
    /// Arguments are evaluated before it is known whether they are needed, as Compose does: `${A:-${B:?x}}` is an error
    /// when `B` is unset, even when `A` is set.
    pub fn substitute<'v>(
        &self,
        resolve: &mut dyn FnMut(&Expression<'t>) -> Option<Cow<'v, str>>,
    ) -> Result<String, Missing<'t>> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(kept) => text.push_str(kept),
                Part::Expression(expression) => text.push_str(&evaluate(expression, resolve)?),
            }
        }
        Ok(text)
    }

    /// Every expression, the outer ones before those in their arguments.
    pub fn expressions(&self) -> Vec<&Expression<'t>> {
        let mut found = Vec::new();
        for part in &self.parts {
            if let Part::Expression(expression) = part {
                found.push(expression);
                if let Some(operation) = &expression.operation {
                    found.extend(operation.template.expressions());
                }
            }
        }
        found
    }
}

fn evaluate<'t, 'v>(
    expression: &Expression<'t>,
    resolve: &mut dyn FnMut(&Expression<'t>) -> Option<Cow<'v, str>>,
) -> Result<Cow<'v, str>, Missing<'t>> {
    let Some(operation) = &expression.operation else {
        return Ok(resolve(expression).unwrap_or_default());
    };
    let argument = operation.template.substitute(resolve)?;
    let value = resolve(expression);
    let usable = value
        .as_ref()
        .is_some_and(|value| !operation.empty_is_unset || !value.is_empty());
    match (operation.operator, usable) {
        (Operator::Default, false) | (Operator::Alternative, true) => Ok(argument.into()),
        (Operator::Required, false) => Err(Missing {
            name: expression.name,
            range: expression.range.clone(),
            message: argument,
        }),
        _ => Ok(value.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(text: &str) -> Result<String, String> {
        let template = parse(text).map_err(|error| error.reason.rule().to_owned())?;
        template
            .substitute(&mut |expression| match expression.name {
                "S" => Some("set".into()),
                "E" => Some("".into()),
                "SELF" => Some("${S}".into()),
                _ => None,
            })
            .map_err(|missing| format!("{} is missing: {}", missing.name, missing.message))
    }

    #[test]
    fn substitutes_as_compose_does() {
        let table = [
            ("plain", "plain"),
            ("$S", "set"),
            ("${S}", "set"),
            ("$S.x ${S}x", "set.x setx"),
            ("$A|${A}", "|"),
            ("$$S $$ $$$S", "$S $ $set"),
            ("$1 $ a$ $-", "$1 $ a$ $-"),
            ("$é", "$é"),
            ("${A:-x} ${A-y} ${E:-z} ${E-w}", "x y z "),
            ("${S:+x} ${S+y} ${E:+z} ${E+w} ${A+v}", "x y  w "),
            ("${S:?m} ${E?m}", "set "),
            ("${A:-a:-b}", "a:-b"),
            ("${A-a?b}", "a?b"),
            ("${A:-?}", "?"),
            ("${A:-{x}}", "{x}"),
            ("${S:-{x}} }", "set }"),
            ("${A:-{\"a\": {\"b\": 1}}}", "{\"a\": {\"b\": 1}}"),
            ("${S:-{\"a\": {\"b\": 1}}}", "set"),
            ("${A:-{a}b}", "{a}b"),
            ("${S:-a{b}c}", "set"),
            ("${A:-{a}", "{a"),
            ("${A:-{}}", "{}"),
            ("${S:-{}}", "set"),
            ("${S:-{}", "set"),
            ("${S:-{{a}}}", "set}"),
            ("${S:-{a}}${A:-{b}}", "set{b}"),
            ("a{b ${S:-{c}} d}", "a{b set d}"),
            ("${A:-{${S}}}", "{set}"),
            ("${A:-{a} \n ${A:-b}", "{a \n b"),
            ("${S:-a}}", "set}"),
            ("${A:-$${B}}", "${B}"),
            ("${A:-$1}", "$1"),
            ("${A:-a$}", "a$"),
            ("${A:-${B:-c}-${S}}", "c-set"),
            ("a${A:-${B:-${C:-d}}}e", "ade"),
            ("${A:-\"x\"}", "\"x\""),
            ("${SELF}", "${S}"),
            ("${A:-a} \n ${A:-b}", "a \n b"),
            ("${A:-${SELF}}", "${S}"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let table = [
            ("${", Reason::Unclosed, 0..2),
            ("x${A", Reason::Unclosed, 1..4),
            ("${A:-${B}", Reason::Unclosed, 5..8),
            ("${A:-a\nb}", Reason::Unclosed, 0..6),
            ("${}", Reason::NoName, 0..3),
            ("a ${1} b", Reason::NoName, 2..6),
            ("${é}", Reason::NoName, 0..5),
            ("${A.b}", Reason::NoOperator, 0..6),
            ("${A:=d}", Reason::NoOperator, 0..7),
            ("${A }", Reason::NoOperator, 0..5),
            ("${A:}", Reason::NoOperator, 0..5),
            ("${S:?${}}", Reason::NoName, 5..8),
        ];
        for (text, reason, range) in table {
            assert_eq!(parse(text), Err(TemplateError { reason, range }), "{text}");
        }
        let deep = "${A:-".repeat(10_000) + &"}".repeat(10_000);
        assert_eq!(parse(&deep).unwrap_err().reason, Reason::TooDeep);
        let many = "$A ".repeat(MAX_EXPRESSIONS + 1);
        assert_eq!(parse(&many).unwrap_err().reason, Reason::TooMany);
    }

    #[test]
    fn required_variables() {
        assert_eq!(expand("${A:?why $S}"), Err("A is missing: why set".into()));
        assert_eq!(expand("${E:?}"), Err("E is missing: ".into()));
        assert_eq!(
            expand("${S:-${R:?needed}}"),
            Err("R is missing: needed".into())
        );
    }

    proptest! {
        #[test]
        fn without_a_dollar_nothing_changes(text in "[^$]*") {
            prop_assert!(!has_variables(&text));
            prop_assert_eq!(expand(&text), Ok(text));
        }

        #[test]
        fn any_text_is_taken_apart_without_a_panic(text in "([$]|[{]|[}]|[:?+-]|[AS]|\\PC|\n)*") {
            match parse(&text) {
                Ok(template) => for expression in template.expressions() {
                    let written = &text[expression.range.clone()];
                    prop_assert!(written.starts_with('$') && written.contains(expression.name));
                },
                Err(error) => {
                    let written = &text[error.range];
                    prop_assert!(written.starts_with('$'), "{}", written);
                }
            }
        }

        #[test]
        fn escaped_text_comes_back(text in "\\PC*") {
            prop_assert_eq!(expand(&text.replace('$', "$$")), Ok(text));
        }
    }
}
