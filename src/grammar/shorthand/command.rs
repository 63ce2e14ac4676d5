use super::Expansion;
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Node};

/// A shell text becomes an argument vector.
pub fn command(node: &mut Node, expansion: &mut Expansion) {
    let Some(text) = node.as_str().filter(|_| !expansion.keep_variables) else {
        return;
    };
    match split(text) {
        Ok(words) => {
            let span = node.span;
            let words = words.into_iter().map(|word| Node::string(word, span));
            node.kind = words.collect::<Vec<_>>().into();
        }
        Err(why) => {
            let finding = Diagnostic::error(
                "bad-command",
                format!("`{}` cannot be split into words: {why}", expansion.place),
            )
            .at(node.span, "")
            .help("close the quote, or write the command as a list");
            expansion.refuse(finding);
        }
    }
}

/// A text becomes `["CMD-SHELL", text]`.
pub fn health_test(node: &mut Node, expansion: &mut Expansion) {
    if node.as_str().is_some() && !expansion.keep_variables {
        let span = node.span;
        let kind = std::mem::replace(&mut node.kind, Kind::Null);
        node.kind = vec![Node::string("CMD-SHELL", span), Node::new(kind, span)].into();
    }
}

/// Splits a command into words as Compose does: like a shell without expansions, up to the first `;`, `&`, `|`, `<` or `>`
/// outside of quotes, which ends the command without a word.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Quote {
        None,
        Single,
        Double,
        Back,
        Dollar,
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut inside = false;
    let mut escaped = false;
    let mut quote = Quote::None;
    for c in text.chars() {
        if escaped {
            word.push(c);
            inside = true;
            escaped = false;
            continue;
        }
        if c == '\\' && quote != Quote::Single {
            escaped = true;
            continue;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') && quote == Quote::None {
            if inside {
                words.push(std::mem::take(&mut word));
                inside = false;
            }
            continue;
        }
        match (c, quote) {
            ('\'', Quote::None) => {
                quote = Quote::Single;
                continue;
            }
            ('"', Quote::None) => {
                quote = Quote::Double;
                continue;
            }
            ('\'', Quote::Single) | ('"', Quote::Double) => {
                quote = Quote::None;
                inside = true;
                continue;
            }
            ('`', Quote::None) => quote = Quote::Back,
            ('`', Quote::Back) => quote = Quote::None,
            ('(', Quote::None) if word.ends_with('$') => {
                quote = Quote::Dollar;
            }
            ('(', Quote::None) => return Err("a parenthesis stands outside of quotes"),
            (')', Quote::Dollar) => quote = Quote::None,
            (')', Quote::None) => return Err("a parenthesis stands outside of quotes"),
            (';' | '&' | '|' | '<' | '>', Quote::None) => {
                // `2>`: the digit belongs to the redirection.
                if c == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    inside = false;
                }
                break;
            }
            _ => {}
        }
        word.push(c);
        inside = true;
    }
    if escaped {
        return Err("it ends with a backslash");
    }
    if quote != Quote::None {
        return Err("a quote is not closed");
    }
    if inside {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_like_a_shell_up_to_the_first_operator() {
        for (text, words) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            (r#"sh -c "a 'b' c" '' "#, vec!["sh", "-c", "a 'b' c", ""]),
            (r"a\ b c\\", vec!["a b", r"c\"]),
            ("a b | c", vec!["a", "b"]),
            ("a; b", vec!["a"]),
            ("a 2>x", vec!["a"]),
            ("a $(b c) `d e`", vec!["a", "$(b c)", "`d e`"]),
            (r"'a\b'", vec![r"a\b"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_closed() {
        for text in ["a 'b", "a \"b", "a \\", "a (b)", "$(a"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
