/// A clock that goes one millisecond further at each look, so that no two things happen at once and every run is
/// the same.
#[derive(Debug)]
pub(super) struct Clock {
    nanos: i64,
}

/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600_000_000_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

impl Default for Clock {
    fn default() -> Self {
        Clock { nanos: START }
    }
}

impl Clock {
    /// Nanoseconds since the Unix epoch.
    pub(super) fn now(&mut self) -> i64 {
        self.nanos += MILLISECOND;
        self.nanos
    }
}

/// RFC 3339 with nanoseconds, as the engine writes it.
pub(super) fn rfc3339(nanos: i64) -> String {
    let (seconds, fraction) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND));
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years from March on, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{fraction:09}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(START + 5), "2026-01-01T00:00:00.000000005Z");
        assert_eq!(
            rfc3339(1_709_210_096 * SECOND),
            "2024-02-29T12:34:56.000000000Z"
        );
    }
}
