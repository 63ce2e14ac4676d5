use std::io::{self, BufRead, Read, Write};

/// The largest body that is read, and the longest line of a head, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
const LINE_LIMIT: u64 = 8 * 1024;
const HEADER_LIMIT: usize = 100;

/// A request as it was read: `body` is text, because every service here speaks text.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    pub fn json(status: u16, body: String) -> Self {
        Response { status, content_type: "application/json", body }
    }

    pub fn html(body: &str) -> Self {
        Response { status: 200, content_type: "text/html; charset=utf-8", body: body.to_owned() }
    }

    /// An error as JSON: `{"error": message}`.
    pub fn error(status: u16, message: &str) -> Self {
        Response::json(status, format!("{{\"error\": {}}}", crate::text(message)))
    }

    pub fn not_found() -> Self {
        Response::error(404, "there is nothing at this path")
    }

    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        write!(
            to,
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
            self.body
        )?;
        to.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        404 => "Not Found",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

fn wrong(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    from.take(LINE_LIMIT).read_line(&mut text)?;
    if !text.ends_with('\n') {
        return Err(wrong("a line of the head is cut off or too long"));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// The first line and the body of a request or of an answer.
pub(crate) fn read_message(from: &mut impl BufRead) -> io::Result<(String, String)> {
    let first = line(from)?;
    let mut length = 0;
    for _ in 0..HEADER_LIMIT {
        let header = line(from)?;
        if header.is_empty() {
            let mut body = vec![0; length];
            from.read_exact(&mut body)?;
            let body = String::from_utf8(body).map_err(|_| wrong("the body is not UTF-8"))?;
            return Ok((first, body));
        }
        if let Some((name, value)) = header.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| wrong("Content-Length is no number"))?;
                if length > BODY_LIMIT {
                    return Err(wrong("the body is larger than 64 KiB"));
                }
            }
        }
    }
    Err(wrong("there are more than 100 headers"))
}

impl Request {
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Request> {
        let (first, body) = read_message(from)?;
        let mut words = first.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(method), Some(path), Some(_)) => {
                Ok(Request { method: method.to_owned(), path: path.to_owned(), body })
            }
            _ => Err(wrong("the first line is not `METHOD PATH VERSION`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Request> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn a_request_is_read_up_to_its_length() {
        let request = read("POST /jobs HTTP/1.1\r\ncontent-length: 5\r\n\r\n1 + 2 and more").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/jobs"));
        assert_eq!(request.body, "1 + 2");
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_refused() {
        for text in [
            "",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort",
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_answer_says_its_length() {
        let mut written = Vec::new();
        Response::error(400, "no \"such\" thing").write(&mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{written}");
        assert!(written.ends_with("\r\n\r\n{\"error\": \"no \\\"such\\\" thing\"}"), "{written}");
    }
}
