//! YAML in: a text becomes trees of [`Node`]s. No other folder names the YAML parser, which hands out events.
//!
//! | file | what |
//! |---|---|
//! | this one | [`parse()`], and the limits of what is read |
//! | `events` | the parser's events, one at a time: what each does, and where in the text it stands |
//! | `builder` | the lists and mappings that are open, where a value goes, and the limits as they are counted |
//! | `fragment` | anchors, aliases and `<<` |
//! | `tag` | the types of scalars; YAML's own tags and those of Compose |
//! | `finding` | what is wrong with a text, in words |
//! | `padded` | a text indented for the parser where Compose does not ask for it |

mod builder;
mod events;
mod finding;
mod fragment;
mod padded;
mod tag;
#[cfg(test)]
mod tests;

use builder::Builder;
use padded::Padded;

use super::{Node, SourceId};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The largest text that is read, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// How deep lists and mappings may be nested, counting what aliases stand for. Trees are walked recursively everywhere
/// else, so this also bounds the stack.
pub const MAX_DEPTH: usize = 128;

/// How many keys and values one text may hold, counting what aliases stand for: bounds the memory that a small text can ask for.
pub const MAX_NODES: usize = 1_000_000;

/// After so many findings in one text the rest of it is not looked at.
const MAX_FINDINGS: usize = 100;

/// Reads every YAML document of a text; a text without content has none.
///
/// Aliases are expanded and `<<` is merged, so what comes back are plain trees. Values that came by an alias keep the
/// span of the place where they were written. Where YAML itself is broken, only the documents before that place come back.
/// <https://github.com/compose-spec/compose-spec/blob/main/10-fragments.md>
pub fn parse(source: SourceId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let mut padded = Padded::new(text);
    loop {
        let mut builder = Builder::new(source, &padded);
        let fatal = builder.read(padded.text()).err();
        let (unindented, documents) = (builder.unindented, builder.documents);
        let mut findings = builder.findings;
        // Compose lets a quoted text go on in any column, as it is pasted; the parser does not.
        if let Some(at) = unindented
            && padded.indent(at)
        {
            continue;
        }
        findings.extend(fatal.map(|finding| *finding));
        for finding in findings {
            diagnostics.push(finding);
        }
        return documents;
    }
}

/// Ends the reading of a text.
type Fatal = Box<Diagnostic>;
