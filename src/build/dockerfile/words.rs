/// The `--name=value` words at the start, without quotes and backslashes, and what follows them.
pub(super) fn split_flags(text: &str) -> (Vec<(String, String)>, &str) {
    let mut flags = Vec::new();
    let mut rest = text;
    while let Some(flag) = rest.strip_prefix("--") {
        let (word, after) = flag_word(flag);
        if word.is_empty() {
            return (flags, after.trim_start());
        }
        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
        flags.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = after.trim_start();
    }
    (flags, rest)
}

/// The first word, read as the engine reads flags: within quotes blanks belong to it, a backslash makes the next character
/// stand for itself.
fn flag_word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return (word, text.get(at..).unwrap_or_default()),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == '\\' => word.extend(chars.next().map(|(_, next)| next)),
            _ => word.push(c),
        }
    }
    (word, "")
}

/// Splits at blanks outside quotes; the quotes stay.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == '\\' && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

pub(super) fn unquote(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '"' | '\'')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_without_their_quotes() {
        let (flags, rest) = split_flags("--A=\"b c\" --d='e'f --g=h\\ i j --k");
        let read: Vec<String> = flags
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        assert_eq!(read, ["a:b c", "d:ef", "g:h i"]);
        assert_eq!(rest, "j --k");
        assert_eq!(split_flags("-- x"), (Vec::new(), "x"));
    }
}
