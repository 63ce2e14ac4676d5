use std::net::IpAddr;

use super::{Expansion, default};
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Mapping, Node, Span};

/// So many ports a host has, TCP and UDP together. A range of a few letters can stand for tens of thousands.
const MOST: usize = 2 * 65_535;

/// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]` and numbers become mappings; ranges of equal length become one for each port.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#short-syntax-3>
pub fn ports(node: &mut Node, expansion: &mut Expansion) {
    let Some(items) = node.as_sequence_mut() else {
        return;
    };
    let is_unreadable = |item: &Node| {
        item.as_str()
            .is_some_and(|text| ShortPort::parse(text).is_err())
    };
    if *expansion.ports > MOST || expansion.keep_variables && items.iter().any(is_unreadable) {
        return;
    }
    let mut long = Vec::with_capacity(items.len());
    for (at, mut item) in std::mem::take(items).into_iter().enumerate() {
        match &item.kind {
            Kind::String(text) => match ShortPort::parse(text) {
                Ok(ports) => {
                    *expansion.ports += ports.len();
                    if *expansion.ports > MOST {
                        let finding = Diagnostic::error(
                            "bad-port",
                            format!("the file publishes more than {MOST} ports"),
                        )
                        .at(item.span, "the limit is reached here")
                        .help("no host has more, TCP and UDP together: publish a smaller range");
                        expansion.refuse(finding);
                        break;
                    }
                    long.extend(ports.iter().map(|port| {
                        let mut node = port.node(item.span);
                        node.history.clone_from(&item.history);
                        node
                    }));
                }
                Err(why) => {
                    let finding = Diagnostic::error(
                        "bad-port",
                        format!("`{text}` in `{}[{at}]` is no port: {why}", expansion.place),
                    )
                    .at(item.span, "")
                    .help("write `HOST:CONTAINER`, with an address before or a protocol after, as in `127.0.0.1:8080:80/tcp`");
                    expansion.refuse(finding);
                    long.push(item);
                }
            },
            Kind::Int(_) | Kind::Unsigned(_) => {
                let span = item.span;
                let mut members = Mapping::new();
                let target = std::mem::replace(&mut item.kind, Kind::Null);
                members.insert("target".into(), Node::new(target, span));
                item.kind = members.into();
                long.push(item);
            }
            Kind::Float(number) => {
                let finding = Diagnostic::error(
                    "bad-port",
                    format!("`{number}` in `{}[{at}]` is no port", expansion.place),
                )
                .at(item.span, "")
                .help("write a whole number");
                expansion.refuse(finding);
                long.push(item);
            }
            _ => long.push(item),
        }
    }
    for port in &mut long {
        default(port, "protocol", || Node::string("tcp", Span::NONE));
        default(port, "mode", || Node::string("ingress", Span::NONE));
    }
    *items = long;
}

/// One port of a short form.
#[derive(Debug, PartialEq, Eq)]
pub struct ShortPort<'t> {
    pub address: &'t str,
    /// A port, a range, or empty.
    pub published: String,
    pub target: u16,
    pub protocol: String,
}

impl<'t> ShortPort<'t> {
    pub fn parse(text: &'t str) -> Result<Vec<Self>, String> {
        let (before, container) = text.rsplit_once(':').unwrap_or(("", text));
        let (address, host) = before.rsplit_once(':').unwrap_or(("", before));
        let mut parts = container.split('/');
        let container = parts.next().unwrap_or_default();
        let protocol = match parts.next() {
            None | Some("") => "tcp".to_owned(),
            Some(protocol) => protocol.to_ascii_lowercase(),
        };
        if container.is_empty() {
            return Err("the container's port is missing".into());
        }
        if !matches!(&*protocol, "tcp" | "udp" | "sctp") {
            return Err(format!(
                "`{protocol}` is no protocol; there are `tcp`, `udp` and `sctp`"
            ));
        }
        let address = match address.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .ok_or("the address lacks a closing bracket")?,
            None if address.contains(':') => {
                return Err(format!("write the address in brackets: `[{address}]`"));
            }
            None => address,
        };
        if !address.is_empty() && address.parse::<IpAddr>().is_err() {
            return Err(format!("`{address}` is no IP address"));
        }
        let (first, last) = range(container)?;
        let published = if host.is_empty() {
            None
        } else {
            Some(range(host)?)
        };
        let port = |target: u16, published: String| ShortPort {
            address,
            published,
            target,
            protocol: protocol.clone(),
        };
        let mut ports: Vec<Self> = match published {
            None => (first..=last)
                .map(|target| port(target, String::new()))
                .collect(),
            Some((from, to)) if to - from == last - first => (first..=last)
                .zip(from..=to)
                .map(|(target, host)| port(target, host.to_string()))
                .collect(),
            Some((from, to)) if first == last => vec![port(first, format!("{from}-{to}"))],
            Some((from, to)) => {
                return Err(format!(
                    "{} host ports cannot stand for {} container ports",
                    to - from + 1,
                    last - first + 1
                ));
            }
        };
        // The order of texts, not of numbers, is the one in which Compose lists a range.
        ports.sort_by_cached_key(|port| port.target.to_string());
        Ok(ports)
    }

    fn node(&self, span: Span) -> Node {
        let mut members = Mapping::with_capacity(5);
        let mut put = |key: &str, node: Node| {
            members.insert(key.into(), node);
        };
        put("mode", Node::string("ingress", Span::NONE));
        if !self.address.is_empty() {
            put("host_ip", Node::string(self.address, span));
        }
        put("target", Node::int(i64::from(self.target), span));
        if !self.published.is_empty() {
            put("published", Node::string(self.published.as_str(), span));
        }
        put("protocol", Node::string(self.protocol.as_str(), span));
        Node::mapping(members, span)
    }
}

fn range(text: &str) -> Result<(u16, u16), String> {
    let number = |text: &str| -> Result<u16, String> {
        text.bytes()
            .all(|c| c.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
            .ok_or_else(|| format!("`{text}` is no number between 0 and 65535"))
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, rest)) => {
            let last = rest.split('-').next().unwrap_or_default();
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(format!("the range `{text}` runs backwards"));
            }
            Ok((first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String, u16, String)> {
        ShortPort::parse(text)
            .unwrap()
            .into_iter()
            .map(|p| (p.address.to_owned(), p.published, p.target, p.protocol))
            .collect()
    }

    fn one(
        address: &str,
        published: &str,
        target: u16,
        protocol: &str,
    ) -> (String, String, u16, String) {
        (address.into(), published.into(), target, protocol.into())
    }

    #[test]
    fn reads_the_short_forms() {
        assert_eq!(parsed("80"), [one("", "", 80, "tcp")]);
        assert_eq!(parsed("8080:80/UDP"), [one("", "8080", 80, "udp")]);
        assert_eq!(parsed("127.0.0.1::80"), [one("127.0.0.1", "", 80, "tcp")]);
        assert_eq!(parsed("[::1]:8080:80"), [one("::1", "8080", 80, "tcp")]);
        assert_eq!(parsed(":80"), [one("", "", 80, "tcp")]);
    }

    #[test]
    fn ranges_of_equal_length_expand() {
        assert_eq!(
            parsed("8000-8001:90-91"),
            [one("", "8000", 90, "tcp"), one("", "8001", 91, "tcp")]
        );
        assert_eq!(parsed("8000-8010:80"), [one("", "8000-8010", 80, "tcp")]);
        assert_eq!(parsed("9-10").len(), 2);
    }

    #[test]
    fn refuses_what_is_no_port() {
        for text in [
            "", "8080:", "a:80", "80/http", "1-3:1-2", "5-3", "70000", "x.y:1:2", "+5",
        ] {
            assert!(ShortPort::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flood_of_ranges_is_refused() {
        let ranges = vec![Node::string("1-65535", Span::NONE); 100];
        let mut root = Mapping::new();
        for key in ["ports", "a", "services"] {
            let value = match key {
                "ports" => Node::sequence(ranges.clone(), Span::NONE),
                _ => Node::mapping(std::mem::take(&mut root), Span::NONE),
            };
            root.insert(key.into(), value);
        }
        let mut root = Node::mapping(root, Span::NONE);
        let mut found = crate::diagnostic::Diagnostics::default();
        crate::grammar::expand(&mut root, false, &mut found);
        assert!(found.has_errors());
        let service = root.get("services").and_then(|all| all.get("a"));
        let ports = service.and_then(|a| a.get("ports")?.as_sequence());
        assert_eq!(ports.map(<[Node]>::len), Some(MOST));
    }
}
