use std::fmt;
use std::str::FromStr;
use std::time::Duration as Std;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time as Compose writes it: `1m30s`, `500ms`, `2w`, in nanoseconds. Compose allows negative ones too: to the
/// engine `stop_grace_period: -1s` means that it waits for ever.
/// <https://github.com/compose-spec/compose-spec/blob/main/11-extension.md#specifying-durations>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(i64);

const UNITS: [(&str, u64); 8] = [
    ("w", 7 * 24 * 3_600_000_000_000),
    ("d", 24 * 3_600_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Duration {
    pub fn from_nanos(nanos: i64) -> Self {
        Duration(nanos)
    }

    pub fn from_secs(seconds: u64) -> Self {
        Duration(
            i64::try_from(seconds)
                .map_or(i64::MAX, |seconds| seconds.saturating_mul(1_000_000_000)),
        )
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Nanoseconds, the unit of the Engine API.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded away from zero, so that what is short does not vanish.
    pub fn seconds(self) -> i64 {
        let (whole, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        whole + rest.signum()
    }

    /// For waiting: nothing where the duration is negative.
    pub fn std(self) -> Std {
        Std::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is not a duration; write a number with a unit, such as `30s`, `1m30s` or `500ms`"
            )
        };
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if body == "0" {
            return Ok(Duration::default());
        }
        let mut rest = body;
        let mut total: u128 = 0;
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(refuse)?;
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let unit = if unit == "µs" || unit == "μs" {
                "us"
            } else {
                unit
            };
            let scale = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, nanos)| u128::from(*nanos))
                .ok_or_else(refuse)?;
            total = total
                .checked_add(scaled(number, scale).ok_or_else(refuse)?)
                .ok_or_else(refuse)?;
            rest = tail;
        }
        if body.is_empty() {
            return Err(refuse());
        }
        let nanos = i64::try_from(total).map_err(|_| refuse())?;
        Ok(Duration(if negative { -nanos } else { nanos }))
    }
}

/// `number` (digits with at most one dot) times `scale`, cut to whole nanoseconds.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let value = |digits: &str| match digits {
        "" => Some(0u128),
        _ => digits.parse().ok(),
    };
    // 18 digits reach below a nanosecond of every unit.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let power = 10u128.pow(fraction.len() as u32);
    let part = value(fraction)?.checked_mul(scale)? / power;
    value(whole)?.checked_mul(scale)?.checked_add(part)
}

/// As Go prints a duration, which is what Compose prints: `1m30s`, `1h0m0s`, `500ms`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative() {
            f.write_str("-")?;
        }
        let nanos = u128::from(self.0.unsigned_abs());
        let below_second = |f: &mut fmt::Formatter<'_>, unit: u128, name: &str| {
            write!(f, "{}{name}", Decimal { value: nanos, unit })
        };
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => below_second(f, 1_000, "µs"),
            1_000_000..1_000_000_000 => below_second(f, 1_000_000, "ms"),
            _ => {
                let seconds = nanos / 1_000_000_000;
                let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                let rest = nanos % 60_000_000_000;
                write!(
                    f,
                    "{}s",
                    Decimal {
                        value: rest,
                        unit: 1_000_000_000
                    }
                )
            }
        }
    }
}

/// `value / unit` as a decimal fraction without trailing zeros.
struct Decimal {
    value: u128,
    unit: u128,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value / self.unit)?;
        let rest = self.value % self.unit;
        if rest == 0 {
            return Ok(());
        }
        let width = self.unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_as_go_does() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            (".5s", "500ms"),
            ("1.5m", "1m30s"),
            ("2w", "336h0m0s"),
            ("1d2h", "26h0m0s"),
            ("0", "0s"),
            ("1.25s", "1.25s"),
            ("1500us", "1.5ms"),
            ("-1m30s", "-1m30s"),
            ("-0", "0s"),
            ("-500ms", "-500ms"),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn refuses_numbers_without_a_unit() {
        for text in [
            "10",
            "",
            "s",
            "1.2.3s",
            "-",
            "-5",
            "--1s",
            "1x",
            ".s",
            "999999999999w",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_away_from_zero() {
        for (text, seconds) in [
            ("1500ms", 2),
            ("-1s", -1),
            ("-1ms", -1),
            ("0", 0),
            ("2s", 2),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().seconds(), seconds);
        }
        assert_eq!("-1s".parse::<Duration>().unwrap().std(), Std::ZERO);
    }
}
