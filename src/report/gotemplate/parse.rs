use serde_json::Value;

use super::{TemplateError, refuse};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline),
    /// Condition, then, else.
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range(Pipeline, Vec<Node>, Vec<Node>),
    Break,
    Continue,
}

/// Commands, each fed with the result of the one before; the result may get names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pipeline {
    /// Names without the `$`; two only in `range`.
    pub(super) names: Vec<String>,
    /// `:=` rather than `=`.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Dot,
    Literal(Value),
    /// `.A.B`
    Field(Vec<String>),
    /// `$x.A`
    Variable(String, Vec<String>),
    Function(String),
    /// `(..).A`
    Nested(Pipeline, Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Open,
    Close,
    Word(String),
    /// `.A`, or `.` alone.
    Dotted(String),
    Variable(String),
    Literal(Value),
    Pipe,
    Declare,
    Assign,
    Comma,
    Left,
    Right,
    /// White space between operands: `(x) .A` is two operands, `(x).A` one.
    Space,
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let (nodes, end) = parser.list()?;
    match end {
        None => Ok(nodes),
        Some(word) => refuse(format!("unexpected {{{{{word}}}}}")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, TemplateError> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(open) = rest.find("{{") {
        let (mut before, mut action) = (&rest[..open], &rest[open + 2..]);
        if trim {
            before = before.trim_start();
        }
        if let Some(inner) = action.strip_prefix('-')
            && inner.starts_with(char::is_whitespace)
        {
            before = before.trim_end();
            action = inner;
        }
        if !before.is_empty() {
            found.push(Token::Text(before.to_owned()));
        }
        let inner = action.trim_start();
        if let Some(comment) = inner.strip_prefix("/*") {
            let Some((_, after)) = comment.split_once("*/") else {
                return refuse("unclosed comment");
            };
            let after = after.trim_start();
            (trim, rest) = match (after.strip_prefix("-}}"), after.strip_prefix("}}")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                _ => return refuse("comment ends before closing delimiter"),
            };
            continue;
        }
        found.push(Token::Open);
        (trim, rest) = lex_action(action, &mut found)?;
        found.push(Token::Close);
    }
    let last = if trim { rest.trim_start() } else { rest };
    if !last.is_empty() {
        found.push(Token::Text(last.to_owned()));
    }
    Ok(found)
}

/// Reads up to the closing braces; returns whether what follows is trimmed, and it.
fn lex_action<'t>(
    action: &'t str,
    found: &mut Vec<Token>,
) -> Result<(bool, &'t str), TemplateError> {
    let mut rest = action;
    loop {
        let blank = rest.trim_start();
        if blank.len() < rest.len() {
            if let Some(after) = blank.strip_prefix("-}}") {
                return Ok((true, after));
            }
            found.push(Token::Space);
            rest = blank;
        }
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((false, after));
        }
        let Some(first) = rest.chars().next() else {
            return refuse("unclosed action");
        };
        let name_end = |text: &str| {
            text.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(text.len())
        };
        let token = match first {
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '(' => (Token::Left, 1),
            ')' => (Token::Right, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '=' => (Token::Assign, 1),
            '"' => quoted(rest)?,
            '`' => match rest[1..].find('`') {
                Some(end) => {
                    let text = rest[1..=end].to_owned();
                    (Token::Literal(Value::String(text)), end + 2)
                }
                None => return refuse("unterminated raw quoted string"),
            },
            '.' if rest[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                let end = 1 + name_end(&rest[1..]);
                (Token::Dotted(rest[1..end].to_owned()), end)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                (Token::Dotted(String::new()), 1)
            }
            '$' => {
                let end = 1 + name_end(&rest[1..]);
                (Token::Variable(rest[1..end].to_owned()), end)
            }
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let end = name_end(rest);
                (word(&rest[..end]), end)
            }
            other => return refuse(format!("unexpected {other:?} in command")),
        };
        found.push(token.0);
        rest = &rest[token.1..];
    }
}

fn word(text: &str) -> Token {
    match text {
        "true" => Token::Literal(Value::Bool(true)),
        "false" => Token::Literal(Value::Bool(false)),
        "nil" => Token::Literal(Value::Null),
        _ => Token::Word(text.to_owned()),
    }
}

fn quoted(text: &str) -> Result<(Token, usize), TemplateError> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Literal(Value::String(value)), at + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            c => value.push(c),
        }
    }
    refuse("unterminated quoted string")
}

fn number(text: &str) -> Result<(Token, usize), TemplateError> {
    let end = text
        .char_indices()
        .skip(1)
        .find(|(_, c)| !c.is_ascii_alphanumeric() && *c != '.' && *c != '_')
        .map_or(text.len(), |(at, _)| at);
    let digits = &text[..end];
    let value = match (digits.parse::<i64>(), digits.parse::<f64>()) {
        (Ok(whole), _) => Value::from(whole),
        (_, Ok(number)) => Value::from(number),
        _ => return refuse(format!("bad number syntax: {digits:?}")),
    };
    Ok((Token::Literal(value), end))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// How many lists and parentheses are open.
    depth: usize,
}

/// Nobody nests deeper, and each level takes its part of the stack.
const DEEPEST: usize = 200;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Token::Space) {
            self.at += 1;
        }
    }

    fn close(&mut self) -> Result<(), TemplateError> {
        self.skip_space();
        match self.next() {
            Some(Token::Close) => Ok(()),
            other => refuse(format!("unexpected {other:?}")),
        }
    }

    /// Nodes up to an `end` or `else`, which is returned with what stands behind it still unread.
    fn list(&mut self) -> Result<(Vec<Node>, Option<String>), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(token) = self.next() {
            if let Token::Text(text) = token {
                nodes.push(Node::Text(text));
                continue;
            }
            self.skip_space();
            let keyword = match self.peek() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" => {
                    self.at += 1;
                    self.close()?;
                    return Ok((nodes, Some(keyword)));
                }
                "else" => {
                    self.at += 1;
                    return Ok((nodes, Some(keyword)));
                }
                "if" | "with" | "range" => {
                    self.at += 1;
                    nodes.push(self.control(&keyword)?);
                }
                "break" | "continue" => {
                    self.at += 1;
                    self.close()?;
                    nodes.push(if keyword == "break" {
                        Node::Break
                    } else {
                        Node::Continue
                    });
                }
                "define" | "template" | "block" => {
                    return refuse(format!("{{{{{keyword}}}}} has no place in a format"));
                }
                _ => {
                    let pipeline = self.pipeline()?;
                    self.close()?;
                    nodes.push(Node::Print(pipeline));
                }
            }
        }
        Ok((nodes, None))
    }

    fn control(&mut self, keyword: &str) -> Result<Node, TemplateError> {
        self.deeper()?;
        let control = self.control_inside(keyword);
        self.depth -= 1;
        control
    }

    fn deeper(&mut self) -> Result<(), TemplateError> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => refuse("it is nested too deeply"),
            false => Ok(()),
        }
    }

    fn control_inside(&mut self, keyword: &str) -> Result<Node, TemplateError> {
        let pipeline = self.pipeline()?;
        self.close()?;
        let (body, end) = self.list()?;
        let otherwise = match end.as_deref() {
            Some("end") => Vec::new(),
            Some(_) => {
                self.skip_space();
                match self.peek() {
                    // `else if` is an `if` of its own that shares the `end`.
                    Some(Token::Word(word)) if matches!(word.as_str(), "if" | "with") => {
                        let word = word.clone();
                        self.at += 1;
                        vec![self.control(&word)?]
                    }
                    _ => {
                        self.close()?;
                        match self.list()? {
                            (nodes, Some(end)) if end == "end" => nodes,
                            _ => return refuse("expected end"),
                        }
                    }
                }
            }
            None => return refuse("unexpected EOF"),
        };
        Ok(match keyword {
            "if" => Node::If(pipeline, body, otherwise),
            "with" => Node::With(pipeline, body, otherwise),
            _ => Node::Range(pipeline, body, otherwise),
        })
    }

    fn pipeline(&mut self) -> Result<Pipeline, TemplateError> {
        let mut pipeline = Pipeline::default();
        let start = self.at;
        // Names come first, if an assignment follows them.
        loop {
            self.skip_space();
            let Some(Token::Variable(name)) = self.peek().cloned() else {
                break;
            };
            self.at += 1;
            pipeline.names.push(name);
            self.skip_space();
            match self.peek() {
                Some(Token::Comma) => self.at += 1,
                _ => break,
            }
        }
        match self.peek() {
            Some(Token::Declare) if !pipeline.names.is_empty() => {
                pipeline.declares = true;
                self.at += 1;
            }
            Some(Token::Assign) if !pipeline.names.is_empty() => self.at += 1,
            _ => {
                pipeline.names.clear();
                self.at = start;
            }
        }
        let mut command = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(Token::Pipe) => {
                    self.at += 1;
                    if command.is_empty() {
                        return refuse("missing value for command");
                    }
                    pipeline.commands.push(std::mem::take(&mut command));
                }
                Some(Token::Close | Token::Right) | None => break,
                _ => command.push(self.operand()?),
            }
        }
        if command.is_empty() {
            return refuse("missing value for command");
        }
        pipeline.commands.push(command);
        Ok(pipeline)
    }

    fn operand(&mut self) -> Result<Operand, TemplateError> {
        match self.next() {
            Some(Token::Literal(value)) => Ok(Operand::Literal(value)),
            Some(Token::Dotted(name)) if name.is_empty() => Ok(Operand::Dot),
            Some(Token::Dotted(name)) => {
                let mut path = vec![name];
                path.extend(self.fields());
                Ok(Operand::Field(path))
            }
            Some(Token::Variable(name)) => Ok(Operand::Variable(name, self.fields())),
            Some(Token::Word(name)) => Ok(Operand::Function(name)),
            Some(Token::Left) => {
                self.deeper()?;
                let inner = self.pipeline()?;
                self.depth -= 1;
                self.skip_space();
                match self.next() {
                    Some(Token::Right) => Ok(Operand::Nested(inner, self.fields())),
                    _ => refuse("unclosed left paren"),
                }
            }
            other => refuse(format!("unexpected {other:?} in operand")),
        }
    }

    /// `.A.B` without space in front.
    fn fields(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(Token::Dotted(name)) = self.peek() {
            if name.is_empty() {
                break;
            }
            path.push(name.clone());
            self.at += 1;
        }
        path
    }
}
