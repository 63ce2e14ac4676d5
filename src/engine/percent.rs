/// Text for a URL: bytes that are not unreserved, and not among `safe`, as `%XX`.
/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
pub fn percent_encoded(text: &str, safe: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let stays = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if stays || safe.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_urls_is_encoded_unless_it_is_wanted() {
        assert_eq!(percent_encoded("a-1_x.~", ""), "a-1_x.~");
        assert_eq!(percent_encoded("a:b/c é", ":"), "a:b%2Fc%20%C3%A9");
    }
}
