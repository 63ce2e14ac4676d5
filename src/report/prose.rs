//! Numbers and lists in words.

/// A length of time as people say it, in its largest unit: `3 minutes`, `About an hour`.
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".into(),
        120..3_600 => format!("{minutes} minutes"),
        3_600..7_200 => "About an hour".into(),
        7_200..172_800 => format!("{hours} hours"),
        172_800..1_209_600 => format!("{days} days"),
        1_209_600..5_184_000 => format!("{} weeks", days / 7),
        5_184_000..63_072_000 => format!("{} months", days / 30),
        _ => format!("{} years", days / 365),
    }
}

/// Seconds for progress lines: `0.4s`, `12.3s`, `2m05s`.
pub fn stopwatch(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

/// Bytes in decimal units, as the engine's own tools print sizes of images: `164MB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 999.5 || unit == "TB" {
            return if value < 10.0 && unit != "B" {
                format!("{value:.1}{unit}")
            } else {
                format!("{value:.0}{unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{count}B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn words_fit_the_size() {
        assert_eq!(span(59), "59 seconds");
        assert_eq!(span(3_599), "59 minutes");
        assert_eq!(span(90_000), "25 hours");
        assert_eq!(span(15 * 86_400), "2 weeks");
        assert_eq!(stopwatch(Duration::from_millis(1_250)), "1.2s");
        assert_eq!(stopwatch(Duration::from_secs(125)), "2m05s");
        assert_eq!(bytes(164_300_000), "164MB");
        assert_eq!(bytes(1_500), "1.5kB");
        assert_eq!(bytes(12), "12B");
    }
}
