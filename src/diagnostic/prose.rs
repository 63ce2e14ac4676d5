use std::borrow::Cow;
use std::fmt::Display;

/// `1 service`, `3 services`, `2 entries`.
pub fn count(number: usize, singular: &str) -> String {
    if number == 1 {
        format!("1 {singular}")
    } else {
        format!("{number} {}", plural(singular))
    }
}

/// The plural of a regular English noun.
pub fn plural(singular: &str) -> String {
    let consonant_y = singular
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    match consonant_y {
        Some(stem) => format!("{stem}ies"),
        None if singular.ends_with(['s', 'x']) || singular.ends_with("ch") => {
            format!("{singular}es")
        }
        None => format!("{singular}s"),
    }
}

/// `a`, `a and b`, `a, b and c`, with `word` in place of `and`.
pub fn list<T: Display>(items: impl IntoIterator<Item = T>, word: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// As [`list`], each item in backticks.
pub fn quoted<T: Display>(items: impl IntoIterator<Item = T>, word: &str) -> String {
    list(items.into_iter().map(|item| format!("`{item}`")), word)
}

/// The text, or its beginning with `..` when it is longer than a message can bear.
pub fn short(text: &str) -> Cow<'_, str> {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &text[..end]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_lists() {
        assert_eq!(count(1, "service"), "1 service");
        assert_eq!(count(0, "entry"), "0 entries");
        assert_eq!(count(2, "key"), "2 keys");
        assert_eq!(count(2, "switch"), "2 switches");
        assert_eq!(list(["a"], "and"), "a");
        assert_eq!(list(["a", "b", "c"], "or"), "a, b or c");
        assert_eq!(quoted(["a", "b"], "and"), "`a` and `b`");
        assert_eq!(list(Vec::<String>::new(), "and"), "");
        assert_eq!(short("é"), "é");
        assert_eq!(short(&"é".repeat(100)), "é".repeat(80) + "..");
    }
}
