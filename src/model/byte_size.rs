use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes; units are binary, as in Compose: `64k` is 65,536. `-1` stands for "no limit" where allowed.
/// <https://github.com/compose-spec/compose-spec/blob/main/11-extension.md#specifying-byte-values>
///
/// Serialised as a decimal text, which is how `docker compose config` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub i64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is not a byte size; write a number with an optional unit, such as `512m`, `64k` or `2gb`"
            )
        };
        let lower = text.trim().to_ascii_lowercase();
        if lower == "-1" {
            return Ok(ByteSize(-1));
        }
        let number_end = lower
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(lower.len());
        let (number, unit) = lower.split_at(number_end);
        let shift = match unit.trim_start() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            "p" | "pb" | "pib" => 50,
            _ => return Err(refuse()),
        };
        if let Ok(whole) = number.parse::<i64>() {
            return whole
                .checked_mul(1 << shift)
                .map(ByteSize)
                .ok_or_else(refuse);
        }
        let value: f64 = number.parse().map_err(|_| refuse())?;
        let bytes = value * (1i64 << shift) as f64;
        if !bytes.is_finite() || bytes >= i64::MAX as f64 {
            return Err(refuse());
        }
        Ok(ByteSize(bytes as i64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Bytes(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Bytes(bytes) => Ok(ByteSize(bytes)),
            Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary() {
        for (text, bytes) in [
            ("64k", 65_536),
            ("1.5g", 1_610_612_736),
            ("100", 100),
            ("1 MiB", 1_048_576),
            ("-1", -1),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "m", "12x", "1..2k", "99999999999999999p"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
