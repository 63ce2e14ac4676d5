//! Texts become the numbers, sizes and times they stand for; what says nothing is left out.

use super::place::Place;
use super::{Cast, PROJECT, Print, Record, Scalar, Shape};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{ByteSize, Duration};
use crate::source::{Kind, Mapping, Node, Span, go_float};

/// Brings a document in its long form into the canonical one, as `docker compose config` prints it.
pub fn canonicalise(root: &mut Node, diagnostics: &mut Diagnostics) {
    visit(root, PROJECT, &Place::ROOT, diagnostics);
}

fn visit(node: &mut Node, shape: Shape, place: &Place, found: &mut Diagnostics) {
    let Some(shape) = shape.long().alternative(node) else {
        return;
    };
    match shape.long() {
        Shape::Any | Shape::Null | Shape::OneOf(_) | Shape::Short(_) => {}
        Shape::Scalar(scalar) => read(node, scalar, place, found),
        Shape::List(list) => {
            for (at, item) in node.as_sequence_mut().into_iter().flatten().enumerate() {
                visit(item, list.item, &place.index(at), found);
            }
        }
        Shape::Map(map) => {
            let Some(members) = node.as_mapping_mut() else {
                return;
            };
            for (key, member) in members {
                visit(member, map.value, &place.key(&key.text), found);
            }
        }
        Shape::Record(record) => fields(node, record, place, found),
    }
}

fn fields(node: &mut Node, record: &Record, place: &Place, found: &mut Diagnostics) {
    let Some(members) = node.as_mapping_mut() else {
        return;
    };
    members.retain(|key, member| {
        let Some(field) = record.field(&key.text) else {
            return key.text.starts_with("x-");
        };
        visit(member, field.shape, &place.key(&key.text), found);
        match field.print {
            Print::Value => !is_zero(member) && !is_no_time(member, field.shape),
            Print::Struct | Print::YamlOnly => !member.is_null() && !is_empty(member),
            Print::Set | Print::YamlZero | Print::Nullable | Print::Zero | Print::Never => {
                !member.is_null()
            }
        }
    });
    for field in record.fields {
        if field.print == Print::Zero && !members.contains_key(field.name) {
            members.insert(field.name.into(), zero(field.shape));
        }
    }
}

fn zero(shape: Shape) -> Node {
    match shape {
        Shape::Scalar(scalar) if scalar.cast == Cast::Int => Node::int(0, Span::NONE),
        Shape::Scalar(scalar) if scalar.cast == Cast::Bytes => Node::string("0", Span::NONE),
        _ => Node::string("", Span::NONE),
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Sequence(items) => items.is_empty(),
        Kind::Mapping(members) => members.is_empty(),
        _ => false,
    }
}

/// What Go calls the zero value: it is not told apart from an absent one.
fn is_zero(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Bool(value) => !value,
        Kind::Int(value) => *value == 0,
        Kind::Unsigned(_) => false,
        Kind::Float(value) => *value == 0.0,
        Kind::String(text) => text.is_empty(),
        Kind::Timestamp(_) => false,
        Kind::Sequence(_) | Kind::Mapping(_) => is_empty(node),
    }
}

/// A duration of nothing, which Compose does not tell apart from an absent one where it prints no zeros.
fn is_no_time(node: &Node, shape: Shape) -> bool {
    matches!(shape, Shape::Scalar(scalar) if scalar.cast == Cast::Duration)
        && node
            .as_str()
            .and_then(|text| text.parse::<Duration>().ok())
            .is_some_and(Duration::is_zero)
}

fn read(node: &mut Node, scalar: &Scalar, place: &Place, found: &mut Diagnostics) {
    match cast(&node.kind, scalar.cast) {
        Ok(None) => {}
        Ok(Some(kind)) => node.kind = kind,
        Err(why) => {
            found.push(
                Diagnostic::error("bad-value", format!("`{place}`: {why}")).at(node.span, ""),
            );
        }
    }
}

/// The value that a scalar stands for; `None` when it is that already.
fn cast(kind: &Kind, cast: Cast) -> Result<Option<Kind>, String> {
    let text = match kind {
        Kind::String(text) => Some(&**text),
        _ => None,
    };
    Ok(match (cast, kind) {
        (Cast::Keep, _) => None,
        (Cast::Text, Kind::Null) => Some(Kind::String("".into())),
        (Cast::Text | Cast::TextOrNull, _) => plain(kind).map(|text| Kind::String(text.into())),
        (Cast::Bool, _) => match text {
            None => None,
            Some(text) => Some(Kind::Bool(boolean(text)?)),
        },
        (Cast::Limit, _) => {
            let Some(limit) = whole(kind)? else {
                return Ok(None);
            };
            // Compose cannot tell a single zero from an absent one, and keeps the pair.
            Some(if limit == 0 {
                let zero = || Node::int(0, Span::NONE);
                Mapping::from_iter([("soft".into(), zero()), ("hard".into(), zero())]).into()
            } else {
                Kind::Int(limit)
            })
        }
        (Cast::Int, Kind::Int(_)) => None,
        (Cast::Int, _) => whole(kind)?.map(Kind::Int),
        (Cast::Count, _) => {
            let Some(number) = whole(kind)? else {
                return Ok(None);
            };
            if number < 0 {
                return Err(format!("{number} is negative; write 0 or more"));
            }
            Some(Kind::Int(number))
        }
        (Cast::Float, _) => {
            let number = match text {
                Some(text) => text
                    .parse()
                    .map_err(|_| format!("`{text}` is no number; write one such as `0.5`"))?,
                None => match kind.as_number() {
                    Some(number) => number,
                    None => return Ok(None),
                },
            };
            Some(single(number))
        }
        // Compose passes over a size that is no whole number.
        (Cast::Bytes, Kind::Float(_) | Kind::Unsigned(_)) => Some(Kind::Null),
        (Cast::Bytes, Kind::Int(0)) => Some(Kind::Null),
        (Cast::Bytes, Kind::Int(number)) => Some(Kind::String(number.to_string().into())),
        (Cast::Bytes, _) => match text {
            None => None,
            Some(text) => match text.parse::<ByteSize>()? {
                ByteSize(..0) => {
                    return Err(format!(
                        "`{text}` is negative; write -1 without quotes for no limit"
                    ));
                }
                ByteSize(0) => Some(Kind::Null),
                size => Some(Kind::String(size.to_string().into())),
            },
        },
        (Cast::Duration, _) => match text {
            None => None,
            Some(text) => Some(Kind::String(text.parse::<Duration>()?.to_string().into())),
        },
        (Cast::FileMode, _) => {
            let mode = match (kind, text) {
                (Kind::Int(mode), _) => *mode,
                (_, Some(text)) => i64::from_str_radix(text, 8).map_err(|_| {
                    format!("`{text}` is no octal number; write one such as `0440`")
                })?,
                _ => return Err("a file mode is a whole number, such as `0440`".into()),
            };
            let sign = if mode < 0 { "-" } else { "" };
            Some(Kind::String(
                format!("0{sign}{:o}", mode.unsigned_abs()).into(),
            ))
        }
        (Cast::DeviceCount, _) => match text {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("all") => Some(Kind::Int(-1)),
            Some(text) => Some(Kind::Int(text.parse().map_err(|_| {
                format!("`{text}` is no number of devices; write a number or `all`")
            })?)),
        },
    })
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Ok(true),
        "n" | "no" | "false" | "off" => Ok(false),
        _ => Err(format!("`{text}` is no boolean; write `true` or `false`")),
    }
}

/// A number, or the text of one, as a whole number. `None`: another kind of value.
fn whole(kind: &Kind) -> Result<Option<i64>, String> {
    match kind {
        Kind::String(text) => text
            .parse()
            .map(Some)
            .map_err(|_| format!("`{text}` is no whole number")),
        kind => Ok(kind.as_whole()),
    }
}

/// A number in the single precision in which Compose holds it, without digits that it does not have.
fn single(number: f64) -> Kind {
    let shortest = (number as f32).to_string();
    Kind::Float(shortest.parse().unwrap_or(number))
}

/// A number or boolean as Compose prints it in text; `None` for what is text already, and for null.
pub fn plain(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Int(value) => Some(value.to_string()),
        Kind::Unsigned(value) => Some(value.to_string()),
        Kind::Float(value) => Some(float(*value)),
        _ => None,
    }
}

/// As Go prints a float with `%v`.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    go_float(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_go() {
        for (value, text) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (1e30, "1e+30"),
            (1e20, "1e+20"),
            (1e6, "1e+06"),
            (123_456_789.5, "1.234567895e+08"),
            (0.00001, "1e-05"),
            (1000.0, "1000"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn reads_texts_by_their_cast() {
        let text = |text: &str| Kind::String(text.into());
        for (from, how, to) in [
            (text("yes"), Cast::Bool, Kind::Bool(true)),
            (text("12"), Cast::Int, Kind::Int(12)),
            (Kind::Float(1.7), Cast::Int, Kind::Int(1)),
            (text("64k"), Cast::Bytes, text("65536")),
            (Kind::Int(5), Cast::Bytes, text("5")),
            (text("90s"), Cast::Duration, text("1m30s")),
            (Kind::Int(0o440), Cast::FileMode, text("0440")),
            (text("0440"), Cast::FileMode, text("0440")),
            (Kind::Int(-5), Cast::FileMode, text("0-5")),
            (text("all"), Cast::DeviceCount, Kind::Int(-1)),
            (text("0.3333333333"), Cast::Float, Kind::Float(0.33333334)),
            (Kind::Null, Cast::Text, text("")),
        ] {
            assert_eq!(cast(&from, how), Ok(Some(to)), "{from:?}");
        }
    }

    /// Recorded from docker compose 2.40.3.
    #[test]
    fn a_duration_of_nothing_is_printed_where_zeros_are() {
        let (delay, grace): (&[&str], &[&str]) = (
            &["deploy", "update_config", "delay"],
            &["stop_grace_period"],
        );
        for (path, duration, printed) in [
            (delay, "0s", None),
            (delay, "0", None),
            (delay, "1s", Some("1s")),
            (grace, "0s", Some("0s")),
        ] {
            let mut node = Node::string(duration, Span::NONE);
            for key in path.iter().rev() {
                node = Node::mapping(Mapping::from_iter([((*key).into(), node)]), Span::NONE);
            }
            for key in ["s", "services"] {
                node = Node::mapping(Mapping::from_iter([(key.into(), node)]), Span::NONE);
            }
            let mut root = node;
            canonicalise(&mut root, &mut Diagnostics::default());
            let place = ["services", "s"].into_iter().chain(path.iter().copied());
            let found = root.at(&crate::source::Path::keys(place));
            assert_eq!(
                found.and_then(Node::as_str),
                printed,
                "{path:?}: {duration}"
            );
        }
    }

    #[test]
    fn refuses_texts_that_stand_for_nothing() {
        for (from, how) in [
            ("1", Cast::Bool),
            ("x", Cast::Int),
            ("10", Cast::Duration),
            ("1x", Cast::Bytes),
            ("9", Cast::FileMode),
            ("-1", Cast::Count),
        ] {
            assert!(cast(&Kind::String(from.into()), how).is_err(), "{from}");
        }
    }
}
