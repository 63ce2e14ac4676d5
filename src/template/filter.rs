use minijinja::{Error, ErrorKind, Value};

/// `{{ value | quoted }}`: a text in double quotes that YAML, JSON and most configuration languages read back as it was.
pub fn quoted(text: &str) -> Result<String, Error> {
    serde_json::to_string(text)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// `{{ word | shell }}`: one word for a POSIX shell, quoted where it has to be.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `{{ words | command }}`: a list of words as a line for a POSIX shell.
pub fn command(words: &Value) -> Result<String, Error> {
    let words: Vec<String> = words
        .try_iter()?
        .map(|word| shell(&word.to_string()))
        .collect();
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_the_word_that_was_quoted() {
        assert_eq!(shell("tests/unit"), "tests/unit");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("it's $HOME"), r"'it'\''s $HOME'");
    }
}
