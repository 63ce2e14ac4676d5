/// How a pattern matches.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Exact,
    /// `prefix**`
    Prefix(String),
    /// `**suffix`
    Suffix(String),
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Text(String),
    /// `?`: one character but a slash.
    One,
    /// `*`: any number of characters but slashes.
    Star,
    /// `**/`: nothing, or anything that ends with a slash.
    Directories,
    /// A final `**`.
    Rest,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Matches nothing (a `^` in the middle).
    Never,
}

impl Shape {
    /// `text` is the pattern that it was read from.
    pub(super) fn matches(&self, text: &str, path: &str) -> bool {
        match self {
            Shape::Exact => path == text,
            Shape::Prefix(prefix) => path.starts_with(prefix),
            Shape::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|rest| rest == path)
            }
            Shape::Tokens(tokens) => tokens_match(tokens, path),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Shape, &'static str> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut literal = String::new();
        let mut kind = Kind::Exact;
        let mut chars = text.chars().peekable();
        let mut first = true;
        let flush = |literal: &mut String, tokens: &mut Vec<Token>| {
            if !literal.is_empty() {
                tokens.push(Token::Text(std::mem::take(literal)));
            }
        };
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    chars.next_if_eq(&'/');
                    flush(&mut literal, &mut tokens);
                    if chars.peek().is_none() {
                        if kind == Kind::Exact {
                            kind = Kind::Prefix;
                        } else {
                            tokens.push(Token::Rest);
                            kind = Kind::Tokens;
                        }
                    } else {
                        tokens.push(Token::Directories);
                        kind = Kind::Tokens;
                    }
                    if first {
                        kind = Kind::Suffix;
                    }
                }
                '*' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::Star);
                    kind = Kind::Tokens;
                }
                '?' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::One);
                    kind = Kind::Tokens;
                }
                '[' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(class(&mut chars)?);
                    kind = Kind::Tokens;
                }
                '\\' => match chars.next() {
                    Some(escaped) => {
                        literal.push(escaped);
                        kind = Kind::Tokens;
                    }
                    None => return Err("a final `\\` needs a character behind it"),
                },
                '^' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::Never);
                }
                c => literal.push(c),
            }
            first = false;
        }
        flush(&mut literal, &mut tokens);
        Ok(match kind {
            Kind::Exact => Shape::Exact,
            Kind::Prefix => Shape::Prefix(text[..text.len() - 2].to_owned()),
            Kind::Suffix => Shape::Suffix(text[2..].to_owned()),
            Kind::Tokens => Shape::Tokens(tokens),
        })
    }
}

#[derive(PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Tokens,
}

/// A character class; its `[` is already read.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` needs its `]`";
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let low = class_character(chars)?.ok_or(OPEN)?;
        let high = if chars.next_if_eq(&'-').is_some() {
            class_character(chars)?.ok_or(OPEN)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn class_character(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
) -> Result<Option<char>, &'static str> {
    match chars.next() {
        Some('-' | ']') => Err(
            "in a class, `-` stands between two characters, and `]` and a literal `-` need a `\\`",
        ),
        Some('\\') => Ok(chars.next()),
        other => Ok(other),
    }
}

/// Runs all ways through the tokens at once, so that no pattern takes more than `tokens * path` steps.
fn tokens_match(tokens: &[Token], path: &str) -> bool {
    let mut here = vec![false; path.len() + 1];
    here[0] = true;
    for token in tokens {
        let mut next = vec![false; path.len() + 1];
        let mut alive = false;
        for at in (0..=path.len()).filter(|at| here[*at]) {
            let rest = &path[at..];
            let mut reach = |to: usize| {
                next[to] = true;
                alive = true;
            };
            match token {
                Token::Text(text) if rest.starts_with(text.as_str()) => reach(at + text.len()),
                Token::Text(_) | Token::Never => {}
                Token::One => {
                    if let Some(c) = rest.chars().next().filter(|c| *c != '/') {
                        reach(at + c.len_utf8());
                    }
                }
                Token::Star => {
                    reach(at);
                    for (offset, c) in rest.char_indices().take_while(|(_, c)| *c != '/') {
                        reach(at + offset + c.len_utf8());
                    }
                }
                Token::Directories => {
                    reach(at);
                    for (offset, _) in rest.match_indices('/') {
                        reach(at + offset + 1);
                    }
                }
                Token::Rest => reach(path.len()),
                Token::Class { negated, ranges } => {
                    if let Some(c) = rest.chars().next() {
                        let listed = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                        if listed != *negated {
                            reach(at + c.len_utf8());
                        }
                    }
                }
            }
        }
        if !alive {
            return false;
        }
        here = next;
    }
    here[path.len()]
}
