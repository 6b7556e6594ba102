//! Moments, as people read them: RFC 3339, in UTC.

/// Milliseconds since 1970-01-01 as `2026-11-24T22:10:00.123Z`.
pub(super) fn moment(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, ms) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads what [`moment`] writes, with or without milliseconds; or milliseconds since 1970-01-01.
pub(super) fn read(text: &str) -> Result<u64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    parsed(text).ok_or_else(|| format!("{text:?} is no moment in UTC like 2026-11-24T22:10:00Z"))
}

fn parsed(text: &str) -> Option<u64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between| text.split(between).map(|n| n.parse().ok()).collect::<Option<Vec<u64>>>();
    let (time, ms) = time.split_once('.').unwrap_or((time, "0"));
    let ms: u64 = format!("{ms:0<3}").get(..3)?.parse().ok()?;
    let [year, month, of_month]: [u64; 3] = numbers(day, '-')?.try_into().ok()?;
    let [hour, minute, second]: [u64; 3] = numbers(time, ':')?.try_into().ok()?;
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // The month's first day is the last one before which all days are of earlier months.
    let first = (0..).map(|n| (year - 1970) * 365 + (month - 1) * 28 + n).find(|day| date(*day) == (year, month, 1))?;
    let day = first + of_month.checked_sub(1)?;
    (date(day) == (year, month, of_month))
        .then_some(day * 86_400_000 + (hour * 3_600 + minute * 60 + second) * 1_000 + ms)
}

/// The Gregorian date of a day since 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is the last of its year; 400 such years have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    // 0000-03-01 is 719,468 days before 1970-01-01.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March: 31, 30, 31, 30, 31 days, twice, then the rest.
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_moment_is_refused() {
        assert_eq!(read("2026-11-24T22:10:00Z"), Ok(1_795_558_200_000));
        assert_eq!(read("1795558200000"), Ok(1_795_558_200_000));
        for bad in [
            "",
            "yesterday",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-24 22:10:00Z",
            "2026-11-24T24:00:00Z",
            "1969-12-31T00:00:00Z",
            "2026-11-24T22:10Z",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_558_200_123, "2026-11-24T22:10:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!((moment(ms).as_str(), read(text)), (text, Ok(ms)));
        }
    }
}
