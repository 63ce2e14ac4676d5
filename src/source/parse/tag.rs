use base64::Engine as _;

use super::builder::Builder;
use crate::diagnostic::{Diagnostic, prose};
use crate::source::{Kind, Span, Tag, scalar};

impl Builder<'_> {
    pub(super) fn scalar(
        &mut self,
        value: &str,
        plain: bool,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Kind {
        let text = || Kind::String(value.into());
        let Some(tag) = tag else {
            return if plain {
                scalar::resolve(value)
            } else {
                text()
            };
        };
        let Some(core) = core(tag) else {
            return match local_tag(tag) {
                Some(_) if plain => scalar::resolve(value),
                _ => text(),
            };
        };
        let kind = match (core, scalar::resolve(value)) {
            ("str", _) => return text(),
            ("binary", _) => base64::engine::general_purpose::STANDARD
                .decode(value.split_ascii_whitespace().collect::<String>())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map(|decoded| Kind::String(decoded.into())),
            ("float", kind @ (Kind::Int(_) | Kind::Unsigned(_))) => {
                kind.as_number().map(Kind::Float)
            }
            ("int", kind @ (Kind::Int(_) | Kind::Unsigned(_)))
            | ("float", kind @ Kind::Float(_))
            | ("bool", kind @ Kind::Bool(_))
            | ("null", kind @ Kind::Null)
            | ("timestamp", kind @ Kind::Timestamp(_)) => Some(kind),
            ("int" | "float" | "bool" | "null" | "timestamp", _) => None,
            _ => return text(),
        };
        kind.unwrap_or_else(|| {
            let expected = match core {
                "int" => "an integer",
                "float" => "a number",
                "bool" => "`true` or `false`",
                "null" => "`null`",
                "timestamp" => "a date",
                _ => "base64 of UTF-8 text",
            };
            self.findings.push(
                Diagnostic::error(
                    "tag-mismatch",
                    format!(
                        "the tag `!!{core}` takes {expected}, not `{}`",
                        prose::short(value)
                    ),
                )
                .at(span, ""),
            );
            text()
        })
    }

    pub(super) fn local_tag(
        &mut self,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Option<Tag> {
        let tag = tag.filter(|tag| core(tag).is_none())?;
        let known = local_tag(tag);
        if known.is_none() && tag.original() != "!" {
            self.findings.push(
                Diagnostic::warning(
                    "unknown-tag",
                    format!(
                        "the tag `{}` has no meaning in a Compose file",
                        tag.original()
                    ),
                )
                .at(span, "")
                .help("the tags of Compose are `!reset` and `!override`"),
            );
        }
        known
    }
}

/// The name of one of YAML's own tags: `str` for `!!str`.
pub(super) fn core(tag: &granit_parser::Tag) -> Option<&str> {
    (tag.handle() == "tag:yaml.org,2002:").then(|| tag.suffix())
}

fn local_tag(tag: &granit_parser::Tag) -> Option<Tag> {
    match tag.parts() {
        ("!", "reset") => Some(Tag::Reset),
        ("!", "override") => Some(Tag::Override),
        _ => None,
    }
}
