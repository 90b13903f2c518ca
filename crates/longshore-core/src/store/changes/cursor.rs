//! What a listener keeps: how far it was told, as a short text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How far a listener was told. What is in it is the store's business; everybody else keeps it and gives
/// it back, as a value or as its text, which is at most [`ChangeCursor::MAX_TEXT`] bytes of digits, small
/// letters and `.`, `-`, `_`: it can stand in a header and in an address as it is. The default is the
/// beginning of the feed.
///
/// Told are all rows up to number `seen`, but for those of the transactions that were open when the
/// listener had come so far: these may commit later, and are told then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ChangeCursor {
    /// The highest number of a row that was told.
    pub seen: i64,
    /// How often old rows had been taken away when this was made.
    pub cleared: i64,
    /// Transactions whose rows at or below `seen` are still to be told, once they are visible. Sorted,
    /// and apart from each other. Empty for a store that has one writer at a time.
    pub open: Vec<IdRange>,
    /// Set while rows of such transactions fill more than a page.
    pub late: Option<LateRound>,
}

/// Transactions that ended late, whose rows are being told in the order of their numbers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LateRound {
    /// Of these transactions, rows up to this number were told.
    pub through: i64,
    /// Sorted, and apart from each other and from those that are open.
    pub of: Vec<IdRange>,
}

/// Ids of transactions, from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdRange {
    /// The first.
    pub first: i64,
    /// The last; not below the first.
    pub last: i64,
}

impl IdRange {
    /// How many there are.
    pub fn count(self) -> u64 {
        self.last.abs_diff(self.first) + 1
    }
}

impl ChangeCursor {
    /// No text of a cursor is longer, in bytes.
    pub const MAX_TEXT: usize = 8 * 1024;
    /// A cursor has no more ranges than this,
    pub const MAX_RANGES: usize = 500;
    /// and no more ids in them: each costs a look.
    pub const MAX_IDS: u64 = 5000;

    /// Whether it is within its bounds. A store does not go on to a cursor that is not.
    pub fn is_bounded(&self) -> bool {
        let late = self.late.iter().flat_map(|late| &late.of);
        let ranges = self.open.iter().chain(late);
        let (mut count, mut ids) = (0, 0_u64);
        for range in ranges {
            count += 1;
            ids = ids.saturating_add(range.count());
        }
        count <= Self::MAX_RANGES && ids <= Self::MAX_IDS
    }
}

/// Sorted ranges or single ids, with those that touch made one.
pub fn merge_ranges(sorted: impl IntoIterator<Item = IdRange>) -> Vec<IdRange> {
    let mut merged: Vec<IdRange> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(before) if range.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// A text that is no cursor.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no cursor of the feed of changes: give one as it was given to you, or none to begin anew"
)]
pub struct BadChangeCursor(String);

impl BadChangeCursor {
    /// What is shown of the text.
    const SHOWN: usize = 100;

    fn of(text: &str) -> Self {
        Self(text.chars().take(Self::SHOWN).collect())
    }
}

/// `SEEN.CLEARED`, then `.OPEN` if there are any, then `.THROUGH.LATE` while there is a round; numbers to
/// the base of 36, ranges as the distance from the one before and, behind a `-`, what they are longer than 1.
impl fmt::Display for ChangeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Number(self.seen), Number(self.cleared))?;
        if !self.open.is_empty() || self.late.is_some() {
            write!(f, ".{}", Ranges(&self.open))?;
        }
        match &self.late {
            Some(late) => write!(f, ".{}.{}", Number(late.through), Ranges(&late.of)),
            None => Ok(()),
        }
    }
}

struct Number(i64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::new();
        let mut left = self.0.unsigned_abs();
        while left > 0 || digits.is_empty() {
            let digit = u32::try_from(left % 36).expect("below 36");
            digits.push(char::from_digit(digit, 36).expect("a digit of base 36"));
            left /= 36;
        }
        f.write_str(&digits.iter().rev().collect::<String>())
    }
}

struct Ranges<'a>(&'a [IdRange]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = 0;
        for (place, range) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("_")?;
            }
            Number(range.first - before).fmt(f)?;
            if range.last > range.first {
                write!(f, "-{}", Number(range.last - range.first))?;
            }
            before = range.last;
        }
        Ok(())
    }
}

impl FromStr for ChangeCursor {
    type Err = BadChangeCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            if text.len() > Self::MAX_TEXT {
                return None;
            }
            let parts: Vec<&str> = text.split('.').collect();
            let (seen, cleared, open, late) = match parts[..] {
                [seen, cleared] => (seen, cleared, "", None),
                [seen, cleared, open] => (seen, cleared, open, None),
                [seen, cleared, open, through, of] => (seen, cleared, open, Some((through, of))),
                _ => return None,
            };
            let late = late.map(|(through, of)| {
                Some(LateRound {
                    through: number(through)?,
                    of: ranges(of)?,
                })
            });
            let cursor = Self {
                seen: number(seen)?,
                cleared: number(cleared)?,
                open: ranges(open)?,
                late: match late {
                    Some(late) => Some(late?),
                    None => None,
                },
            };
            // Only what Display writes: a cursor has one text.
            (cursor.is_bounded() && cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| BadChangeCursor::of(text))
    }
}

fn number(text: &str) -> Option<i64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_digits.then(|| i64::from_str_radix(text, 36).ok())?
}

fn ranges(text: &str) -> Option<Vec<IdRange>> {
    let mut before = 0_i64;
    let mut ranges = Vec::new();
    for part in text.split('_').filter(|_| !text.is_empty()) {
        let (apart, longer) = match part.split_once('-') {
            Some((apart, longer)) => (number(apart)?, number(longer)?),
            None => (number(part)?, 0),
        };
        if apart == 0 || ranges.len() >= ChangeCursor::MAX_RANGES {
            return None;
        }
        let first = before.checked_add(apart)?;
        let last = first.checked_add(longer)?;
        ranges.push(IdRange { first, last });
        before = last;
    }
    Some(ranges)
}

impl Serialize for ChangeCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChangeCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_ranges() -> impl Strategy<Value = Vec<IdRange>> {
        let gaps = prop::collection::vec((2_i64..1_000_000_000, 0_i64..9), 0..60);
        gaps.prop_map(|gaps| {
            let mut before = 0;
            let range = |(apart, longer): (i64, i64)| {
                let first = before + apart;
                before = first + longer;
                let last = before;
                IdRange { first, last }
            };
            gaps.into_iter().map(range).collect()
        })
    }

    fn some_cursor() -> impl Strategy<Value = ChangeCursor> {
        let late = prop::option::of((0..=i64::MAX, some_ranges()));
        let parts = (0..=i64::MAX, 0..=i64::MAX, some_ranges(), late);
        parts.prop_map(|(seen, cleared, open, late)| ChangeCursor {
            seen,
            cleared,
            open,
            late: late.map(|(through, of)| LateRound { through, of }),
        })
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_from_its_text(cursor in some_cursor()) {
            let text = cursor.to_string();
            let is_safe = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b".-_".contains(&byte);
            prop_assert!(text.bytes().all(is_safe), "{text}");
            prop_assert_eq!(text.parse::<ChangeCursor>(), Ok(cursor));
        }

        #[test]
        fn no_text_whatever_makes_it_panic_or_read_as_another_cursor(text in "[0-9a-zA-Z._+-]{0,40}") {
            if let Ok(cursor) = text.parse::<ChangeCursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn a_cursor_in_json_is_its_text() {
        let open = [(3, 3), (10, 12)].map(|(first, last)| IdRange { first, last });
        let cursor = ChangeCursor {
            seen: 40,
            open: open.to_vec(),
            ..ChangeCursor::default()
        };
        let json = serde_json::to_string(&cursor).expect("a text");
        assert_eq!(json, r#""14.0.3_7-2""#);
        assert_eq!(
            serde_json::from_str::<ChangeCursor>(&json).expect("reads"),
            cursor
        );
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_an_error_that_shows_it() {
        let long = format!("1.0.{}", "2_".repeat(ChangeCursor::MAX_TEXT));
        let many = format!("1.0.2-{}", Number(1 << 40));
        for text in [
            "",
            "1",
            "1.",
            "1.2.",
            "1.2.0",
            "1.2.3.4",
            "-1.0",
            "+1.0",
            "01.0",
            "A.0",
            "1.0.2_",
            "1.0.2-",
            "1.0.1zzzzzzzzzzzzzzzzz",
            "1.0.2.3.4.5",
            " 1.0",
            &long,
            &many,
        ] {
            let error = text.parse::<ChangeCursor>().expect_err(text).to_string();
            assert!(error.len() < 300, "{error}");
            let shown = text.get(..5).unwrap_or(text);
            assert!(error.contains(shown), "{error}");
        }
    }

    /// The longest that can be: every range as far from the one before as ids can be, all in all.
    #[test]
    fn the_text_of_a_cursor_within_its_bounds_is_bounded() {
        let apart = i64::MAX / 501;
        let places = 1..=i64::try_from(ChangeCursor::MAX_RANGES).expect("few");
        let range = |place: i64| IdRange {
            first: place * apart,
            last: place * apart + 9,
        };
        let cursor = ChangeCursor {
            seen: i64::MAX,
            cleared: i64::MAX,
            open: vec![],
            late: Some(LateRound {
                through: i64::MAX,
                of: places.map(range).collect(),
            }),
        };
        assert!(cursor.is_bounded());
        let text = cursor.to_string();
        assert!(text.len() <= ChangeCursor::MAX_TEXT, "{}", text.len());
        assert_eq!(text.parse(), Ok(cursor));
    }
}
