use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements that one may contain the other, at most: no report needs more, and each costs a call while it is read.
const DEEPEST: usize = 200;

/// An element of an XML document, with what reports have in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// Without a namespace's prefix.
    pub name: String,
    /// In the order of the file, with references replaced.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// All text of its own, put together.
    pub text: String,
}

impl Element {
    /// The value of an attribute. `None`: it is not there, or empty.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(name, value)| name == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The text of the first child of that name. `None`: there is no such child, or nothing in it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.children
            .iter()
            .find(|child| child.name == name && !child.text.is_empty())
            .map(|child| child.text.as_str())
    }

    fn opened(start: &BytesStart<'_>) -> Element {
        let mut attributes = start.html_attributes();
        let attributes = attributes.with_checks(false).flatten();
        Element {
            name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(),
            attributes: attributes
                .map(|attribute| {
                    let value = String::from_utf8_lossy(&attribute.value);
                    (
                        String::from_utf8_lossy(attribute.key.as_ref()).into_owned(),
                        without_references(&value),
                    )
                })
                .collect(),
            ..Element::default()
        }
    }
}

/// The root element of a document: what stands before and after it, comments and references to characters that XML does
/// not allow are no reason to refuse one.
///
/// # Errors
/// When it is no XML, or ends too early: where and why.
pub fn parse(document: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().allow_dangling_amp = true;
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event();
        let line = |position: u64| {
            let position = usize::try_from(position).unwrap_or(usize::MAX);
            let before = document.as_bytes().iter().take(position);
            before.filter(|byte| **byte == b'\n').count() + 1
        };
        let event =
            event.map_err(|error| format!("line {}: {error}", line(reader.error_position())))?;
        let closed = match event {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err(format!(
                        "line {}: more than {DEEPEST} elements are inside of each other",
                        line(reader.buffer_position())
                    ));
                }
                open.push(Element::opened(&start));
                None
            }
            Event::Empty(start) => Some(Element::opened(&start)),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                add(&mut open, &String::from_utf8_lossy(&text));
                None
            }
            Event::CData(text) => {
                add(&mut open, &String::from_utf8_lossy(&text));
                None
            }
            Event::GeneralRef(reference) => {
                add(&mut open, &meaning(&String::from_utf8_lossy(&reference)));
                None
            }
            Event::Eof => {
                return Err(match open.last() {
                    Some(open) => format!("the file ends inside of `<{}>`", open.name),
                    None => "there is no element in it".to_owned(),
                });
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
        };
        if let Some(closed) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Ok(closed),
            }
        }
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// An attribute's value with its references replaced.
fn without_references(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        rest = match after.split_once(';') {
            Some((name, after)) if is_reference(name) => {
                text.push_str(&meaning(name));
                after
            }
            _ => {
                text.push('&');
                after
            }
        };
    }
    text + rest
}

fn is_reference(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
}

/// What `&NAME;` stands for; an unknown one stands for itself, and a character that does not exist for nothing.
/// <https://www.w3.org/TR/xml/#sec-predefined-ent>
fn meaning(name: &str) -> String {
    let known = match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let Some(number) = name.strip_prefix('#') else {
        return format!("&{name};");
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    code.ok()
        .and_then(char::from_u32)
        .map(String::from)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_the_root_and_in_it_is_read() {
        let root = parse(
            "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"y\">]><!-- c --><n:a id=\"a>b\" m='&lt;&#65;&#x1b;&who;&'>x &amp; y & z<![CDATA[<raw>]]><b/></n:a>\n<!-- end -->",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.attribute("id"), Some("a>b"));
        assert_eq!(root.attribute("m"), Some("<A\u{1b}&who;&"));
        assert_eq!(root.text, "x & y & z<raw>");
        assert_eq!(root.children[0].name, "b");
    }

    #[test]
    fn what_is_no_document_says_why() {
        assert!(parse("").unwrap_err().contains("no element"));
        assert!(parse("not xml").unwrap_err().contains("no element"));
        assert!(parse("<a>\n<b>").unwrap_err().contains("inside of `<b>`"));
        assert!(parse("<a>\n</b>").unwrap_err().contains("line 2"));
        assert!(parse(&"<a>".repeat(300)).unwrap_err().contains("200"));
    }
}
