//! Dates as WARC has them: W3C's profile of ISO 8601, in UTC.

use time::{Date, Month, OffsetDateTime};

const NANOSECONDS: i64 = 1_000_000_000;

/// Nanoseconds since 1970 of `2016-09-19T17:20:24.25Z` and all that is shorter, down to a year; `None` of what is no date.
pub(in crate::source) fn nanoseconds(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok()?.trim();
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let mut parts = day.splitn(3, '-').map(number);
    let year = i32::try_from(parts.next()??).ok()?;
    let mut next = |or| parts.next().map_or(Some(or), |part| part.and_then(|part| u8::try_from(part).ok()));
    let (month, day) = (next(1)?, next(1)?);
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let clock = clock.strip_suffix('Z').unwrap_or(clock);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.splitn(3, ':').filter(|part| !part.is_empty()).map(number);
    let mut next = || parts.next().map_or(Some(0), |part| part.and_then(|part| u8::try_from(part).ok()));
    let (hour, minute, second) = (next()?, next()?, next()?);
    // A leap second is the last of its minute here.
    let seconds = date.with_hms(hour, minute, second.min(59)).ok()?.assume_utc().unix_timestamp();
    let fraction = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<9.9}"))? };
    seconds.checked_mul(NANOSECONDS)?.checked_add(i64::from(fraction))
}

/// Digits alone: no sign, no space.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The date of so many nanoseconds since 1970, to the microsecond; that of 1970 where the calendar has none.
pub(super) fn written(nanoseconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (day, clock) = (date.date(), date.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        day.year(),
        u8::from(day.month()),
        day.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.microsecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_precision_are_read_and_nonsense_is_none() {
        let cases = [
            ("2016-09-19T17:20:24Z", 1_474_305_624_000_000_000),
            ("2016-09-19T17:20:24.25Z", 1_474_305_624_250_000_000),
            ("2016-09-19T17:20:24.123456789Z", 1_474_305_624_123_456_789),
            ("2016-09-19T17:20Z", 1_474_305_600_000_000_000),
            ("2016-09-19", 1_474_243_200_000_000_000),
            ("2016-09", 1_472_688_000_000_000_000),
            ("1970", 0),
            ("1969-12-31T23:59:59Z", -1_000_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text.as_bytes()), Some(expected), "{text}");
        }
        for text in
            ["", "x", "2016-13-01", "2016-02-30", "2016-09-19T25:00:00Z", "+2016", "2016-09-19T17:20:24.xZ", "９"]
        {
            assert_eq!(nanoseconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(nanoseconds(b"\xFF"), None);
    }

    #[test]
    fn a_written_date_is_read_as_the_same_microsecond() {
        for moment in [0, -1_000, 1_474_305_624_123_456_000, 4_102_444_800_000_000_000] {
            assert_eq!(nanoseconds(written(moment).as_bytes()), Some(moment), "{}", written(moment));
        }
        assert_eq!(written(1_474_305_624_123_456_789), "2016-09-19T17:20:24.123456Z");
    }
}
