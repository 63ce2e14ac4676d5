use crate::diagnostic::Diagnostics;
use crate::source::{SourceId, Span};

pub(crate) fn dotenv(
    id: SourceId,
    text: &str,
    _lookup: &dyn Fn(&str) -> Option<String>,
    _d: &mut Diagnostics,
) -> Vec<(String, String, Span)> {
    text.lines()
        .filter_map(|l| l.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned(), Span::new(id, 0, 0)))
        .collect()
}
