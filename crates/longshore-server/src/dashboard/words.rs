//! Values as people read them.

use std::time::Duration;

use longshore_core::Timestamp;
use longshore_core::spec::FieldError;

/// A moment: exactly, and how far away it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct When {
    /// RFC 3339, in UTC, to the second.
    pub exact: String,
    /// Such as `5 min ago`, or `in 2 h`.
    pub words: String,
}

impl When {
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let distance = at.duration_since(now);
        let length = span(distance.unsigned_abs());
        let words = match distance.as_millis() {
            ..-999 => format!("{length} ago"),
            -999..1000 => "now".to_owned(),
            1000.. => format!("in {length}"),
        };
        Self {
            exact: format!("{at:.0}"),
            words,
        }
    }

    pub fn maybe(at: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        at.map(|at| Self::new(at, now))
    }
}

/// A length of time by its two largest units: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d`.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let both = |large: u64, unit: &str, small: u64, smaller: &str| {
        if small == 0 {
            format!("{large} {unit}")
        } else {
            format!("{large} {unit} {small} {smaller}")
        }
    };
    match seconds {
        0 => format!("{} ms", length.subsec_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => both(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => both(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => both(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// From one moment to another, or to now.
pub(super) fn between(from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> String {
    let length = to.unwrap_or(now).duration_since(from);
    span(if length.is_negative() {
        Duration::ZERO
    } else {
        length.unsigned_abs()
    })
}

/// Bytes in binary units: `512 B`, `1.5 KiB`, `64 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut unit = 0;
    let mut tenths = u128::from(count) * 10 / 1024;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 || whole >= 100 {
        return format!("{whole} {}", UNITS[unit]);
    }
    format!("{whole}.{tenth} {}", UNITS[unit])
}

/// A command as it would be typed, cut where it is long.
pub(super) fn command(words: &[String]) -> String {
    const MOST: usize = 160;
    let plain = |word: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
        !word.is_empty() && word.bytes().all(is_plain)
    };
    let mut typed = String::new();
    for word in words {
        if !typed.is_empty() {
            typed.push(' ');
        }
        if plain(word) {
            typed.push_str(word);
        } else {
            typed.extend(["'", &word.replace('\'', r"'\''"), "'"]);
        }
        if typed.len() > MOST {
            typed.truncate(typed.floor_char_boundary(MOST));
            typed.push('…');
            break;
        }
    }
    typed
}

/// The first of these units that a number is whole in, and the number in it.
fn whole_in<'u>(number: u128, units: &[(u128, &'u str)]) -> (u128, &'u str) {
    let fits = units.iter().find(|(size, _)| number.is_multiple_of(*size));
    let (size, unit) = fits.copied().unwrap_or((1, ""));
    (number / size, unit)
}

/// Bytes as they are typed into a field: exactly, so that what is sent back as it came changes nothing.
pub(super) fn typed_bytes(count: u64) -> String {
    let units = [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
    let (number, unit) = whole_in(count.into(), &units);
    format!("{number}{unit}")
}

/// A length of time likewise, in whole milliseconds.
pub(super) fn typed_duration(length: Duration) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
        (1, "ms"),
    ];
    let (number, unit) = whole_in(length.as_millis(), &units);
    format!("{number}{unit}")
}

/// Thousandths of CPUs likewise, as CPUs.
pub(super) fn typed_cpus(thousandths: u64) -> String {
    let typed = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    typed.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// CPUs as they were typed, in thousandths.
pub(super) fn read_cpus(typed: &str) -> Option<u64> {
    let (whole, part) = typed.split_once('.').unwrap_or((typed, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if typed.len() > 12
        || part.len() > 3
        || whole.is_empty()
        || !is_number(whole)
        || !is_number(part)
    {
        return None;
    }
    format!("{whole}{part:0<3}").parse().ok()
}

/// A priority as people type it; whether there is one of that number is not asked here.
pub(super) fn typed_priority(text: &str) -> Result<i64, FieldError> {
    let number = text.trim().parse();
    number.map_err(|_| FieldError::new("priority", "must be a number from 0 to 100"))
}

#[cfg(test)]
mod tests {
    use longshore_core::spec::{parse_bytes, parse_duration};

    use super::*;

    #[test]
    fn lengths_of_time_are_told_by_their_two_largest_units() {
        for (millis, said) in [
            (0, "0 ms"),
            (850, "850 ms"),
            (12_999, "12 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (4 * 86_400_000, "4 d"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), said);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        for (second, said) in [
            (1_000_000, "now"),
            (999_700, "5 min ago"),
            (1_007_200, "in 2 h"),
        ] {
            let at = Timestamp::from_second(second).expect("a time");
            assert_eq!(When::new(at, now).words, said);
        }
        assert_eq!(When::new(now, now).exact, "1970-01-12T13:46:40Z");
    }

    #[test]
    fn sizes_are_told_in_binary_units() {
        for (count, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (64 << 20, "64 MiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(bytes(count), said);
        }
    }

    #[test]
    fn what_is_in_a_field_is_read_as_it_was() {
        for (count, typed) in [
            (0, "0g"),
            (1000, "1000"),
            (8 << 30, "8g"),
            (1536 << 20, "1536m"),
            (u64::MAX >> 1, "9223372036854775807"),
        ] {
            assert_eq!(typed_bytes(count), typed);
            assert_eq!(parse_bytes(typed).expect("bytes"), count);
        }
        for (millis, typed) in [
            (91_800_000, "1530m"),
            (3_630_000, "3630s"),
            (1500, "1500ms"),
            (3_600_000, "1h"),
        ] {
            let length = Duration::from_millis(millis);
            assert_eq!(typed_duration(length), typed);
            assert_eq!(parse_duration(typed).expect("a time"), length);
        }
        for (thousandths, typed) in [(2007, "2.007"), (7500, "7.5"), (4000, "4"), (0, "0")] {
            assert_eq!(typed_cpus(thousandths), typed);
            assert_eq!(read_cpus(typed), Some(thousandths));
        }
        for wrong in ["", "-1", "1,5", "1.2345", ".", ".5", "1e3", "9999999999999"] {
            assert_eq!(read_cpus(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn commands_are_quoted_as_a_shell_reads_them_and_cut() {
        let words = ["sh", "-c", "echo 'a b'", ""].map(str::to_owned);
        assert_eq!(command(&words), r"sh -c 'echo '\''a b'\''' ''");
        let long = ["x".repeat(500)];
        assert!(command(&long).ends_with('…'));
        assert!(command(&long).len() < 200);
    }
}
