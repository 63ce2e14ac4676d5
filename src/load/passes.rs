use super::Variables;
use crate::diagnostic::Diagnostics;
use crate::source::{Node, SourceId, Sources, Span};
use std::path::Path;

pub(super) fn expand(_n: &mut Node, _s: &Sources, _v: &Variables, _d: &mut Diagnostics) {}
pub(super) fn check(_n: &Node, _s: &Sources, _d: &mut Diagnostics) {}
pub(super) fn canonical(_n: &mut Node, _d: &mut Diagnostics) {}
pub(super) fn absolute(_n: &mut Node, _b: &Path) {}
pub(super) fn dotenv(
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
