//! A snapshot of the server: which transactions had ended when something was looked at.

use longshore_core::store::{IdRange, merge_ranges};

/// As `pg_current_snapshot` gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Snapshot {
    /// At and above this one, all count as open.
    xmax: i64,
    /// Open ones below it, sorted.
    open: Vec<i64>,
}

/// A text that is no snapshot.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no snapshot")]
pub(crate) struct BadSnapshot(String);

impl Snapshot {
    /// Reads `xmin:xmax:id,id,…`.
    pub fn parse(text: &str) -> Result<Self, BadSnapshot> {
        let read = || {
            let mut parts = text.split(':');
            let (_xmin, xmax, ids) = (parts.next()?, parts.next()?, parts.next()?);
            let ids = ids.split(',').filter(|id| !id.is_empty());
            let mut open = ids
                .map(|id| id.parse().ok())
                .collect::<Option<Vec<i64>>>()?;
            open.sort_unstable();
            let xmax = xmax.parse().ok()?;
            parts.next().is_none().then_some(Self { xmax, open })
        };
        read().ok_or_else(|| BadSnapshot(text.to_owned()))
    }

    /// Whether a transaction was open: what it wrote was not visible then, and may become so.
    fn is_open(&self, id: i64) -> bool {
        id >= self.xmax || self.open.binary_search(&id).is_ok()
    }

    /// Which of these had ended, and which had not.
    pub fn split(&self, ranges: &[IdRange]) -> (Vec<IdRange>, Vec<IdRange>) {
        let ids = ranges.iter().flat_map(|range| range.first..=range.last);
        let (open, ended): (Vec<i64>, Vec<i64>) = ids.partition(|id| self.is_open(*id));
        (merged(ended), merged(open))
    }

    /// Those that were open of all with an id below `next`, which was drawn after the snapshot was taken.
    pub fn open_below(&self, next: i64) -> Vec<IdRange> {
        let young = (self.xmax < next).then_some(IdRange {
            first: self.xmax,
            last: next - 1,
        });
        let single = |id: &i64| IdRange {
            first: *id,
            last: *id,
        };
        merge_ranges(self.open.iter().map(single).chain(young))
    }
}

fn merged(sorted: Vec<i64>) -> Vec<IdRange> {
    merge_ranges(sorted.into_iter().map(|id| IdRange {
        first: id,
        last: id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> IdRange {
        IdRange { first, last }
    }

    #[test]
    fn transactions_in_its_list_and_from_its_end_on_were_open() {
        let snapshot = Snapshot::parse("10:20:10,13,14").expect("a snapshot");
        let (ended, open) = snapshot.split(&[range(8, 15), range(18, 22)]);
        assert_eq!(
            ended,
            [range(8, 9), range(11, 12), range(15, 15), range(18, 19)]
        );
        assert_eq!(open, [range(10, 10), range(13, 14), range(20, 22)]);
    }

    /// `xmax` is one above the newest transaction that has *ended*: those between it and an id that was
    /// drawn later may have been open, and may have drawn lower numbers than what is visible.
    #[test]
    fn transactions_between_the_snapshots_end_and_a_later_id_count_as_open() {
        let idle = Snapshot::parse("20:20:").expect("a snapshot");
        assert_eq!(idle.open_below(20), []);
        assert_eq!(idle.open_below(23), [range(20, 22)]);
        let busy = Snapshot::parse("10:20:10,18,19").expect("a snapshot");
        assert_eq!(busy.open_below(23), [range(10, 10), range(18, 22)]);
        assert_eq!(busy.open_below(20), [range(10, 10), range(18, 19)]);
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for text in ["", "1", "1:2", "1:x:", "1:2:3,x", "1:2:3:4"] {
            assert!(Snapshot::parse(text).is_err(), "{text}");
        }
    }
}
