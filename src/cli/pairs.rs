use indexmap::IndexMap;

use super::Failure;

/// `KEY=VALUE` words; a bare `KEY` takes the value that `here` says, and is left out when it has none.
pub fn environment_pairs<'v>(
    words: &'v [String],
    here: impl Fn(&str) -> Option<&'v str>,
) -> IndexMap<String, Option<String>> {
    words
        .iter()
        .filter_map(|word| match word.split_once('=') {
            Some((key, value)) => Some((key.to_owned(), Some(value.to_owned()))),
            None => Some((word.clone(), Some(here(word)?.to_owned()))),
        })
        .collect()
}

/// `KEY=VALUE` words; a bare `KEY` has an empty value.
pub fn label_pairs(words: &[String]) -> IndexMap<String, String> {
    words
        .iter()
        .map(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

/// `SERVICE=NUM` words of `--scale`.
pub fn scale_pairs(words: &[String]) -> Result<IndexMap<String, u32>, Failure> {
    words
        .iter()
        .map(|word| {
            let pair = word
                .split_once('=')
                .and_then(|(service, count)| Some((service.to_owned(), count.parse().ok()?)));
            pair.ok_or_else(|| {
                Failure::Usage(format!(
                    "`{word}` names no number of containers; write `SERVICE=NUM`"
                ))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_key_takes_the_value_it_has_here() {
        let here = |name: &str| (name == "HERE").then_some("x");
        let words = ["A=1=2".to_owned(), "HERE".to_owned(), "GONE".to_owned()];
        let pairs = environment_pairs(&words, here);
        assert_eq!(pairs.get("A"), Some(&Some("1=2".to_owned())));
        assert_eq!(pairs.get("HERE"), Some(&Some("x".to_owned())));
        assert!(!pairs.contains_key("GONE"));
    }

    #[test]
    fn a_scale_needs_a_number() {
        assert!(scale_pairs(&["web=3".to_owned()]).is_ok());
        assert!(scale_pairs(&["web".to_owned()]).is_err());
        assert!(scale_pairs(&["web=-1".to_owned()]).is_err());
    }
}
