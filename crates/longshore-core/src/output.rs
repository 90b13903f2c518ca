//! What a container writes, and how much of it is kept.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Which of a container's two outputs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Its name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The stream's number in SQL, as a process counts its descriptors: 1 or 2.
    pub fn number(self) -> i16 {
        match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        }
    }

    /// The stream with that number.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|stream| stream.number() == number)
    }

    fn index(self) -> usize {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
        }
    }
}

/// Where an executor would go on with the output of a container after a break; its own words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResumePoint(pub String);

/// How much of an attempt's output is stored: for whoever continues it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoredUpTo {
    /// Where to go on reading: a [`Checkpoint`], as it was stored. None: from the beginning.
    pub resume: Option<ResumePoint>,
    /// Per stream, in the order of [`Stream::ALL`]: the offset behind the last byte that is stored.
    pub ends: [u64; 2],
    /// Per stream, how many bytes are stored.
    pub bytes: [u64; 2],
}

/// Where reading goes on after a take-over, and how much each stream had carried up to there: nothing
/// before it is in memory alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Per stream, in the order of [`Stream::ALL`]: bytes up to there.
    pub seen: [u64; 2],
    /// The executor's own word for the place; none: the beginning.
    pub at: Option<ResumePoint>,
}

impl Checkpoint {
    /// As it is stored.
    #[expect(clippy::missing_panics_doc, reason = "numbers and a text have a JSON")]
    pub fn to_stored(&self) -> ResumePoint {
        let text = serde_json::to_string(self).expect("numbers and a text have a JSON");
        ResumePoint(text)
    }

    /// As it was stored; the beginning for what can't be read, which costs time and loses nothing.
    pub fn from_stored(stored: Option<&ResumePoint>) -> Self {
        stored
            .and_then(|stored| serde_json::from_str(&stored.0).ok())
            .unwrap_or_default()
    }
}

/// Some bytes, as an executor delivers them: in order within their stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputChunk {
    /// Which output.
    pub stream: Stream,
    /// What was written.
    pub bytes: Vec<u8>,
    /// Where to go on after these bytes, if the executor can.
    pub resume: Option<ResumePoint>,
}

/// Bytes to keep, and where in their stream they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptOutput {
    /// Which output.
    pub stream: Stream,
    /// The offset of the first byte in everything that the stream ever carried.
    pub position: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The output cap of an attempt, unless configured otherwise: 16 MiB.
pub const DEFAULT_OUTPUT_CAP_BYTES: u64 = 16 * 1024 * 1024;

/// The most that is kept of each stream's end, in memory until the attempt ends.
const MAX_TAIL_BYTES: u64 = 1024 * 1024;

/// Keeps the head and the tail of an attempt's output and counts what lies between.
///
/// Both streams share the head; each has a tail of its own. What belongs to the head is handed on
/// at once, so that people can follow it; the tail is handed on at the end.
#[derive(Debug)]
pub struct OutputCap {
    head_left: u64,
    tail_cap: u64,
    streams: [StreamTail; 2],
}

#[derive(Debug, Default)]
struct StreamTail {
    /// Bytes that the stream ever carried.
    seen: u64,
    /// Bytes of it that were handed on: to the head, and at the end the tail.
    handed_on: u64,
    /// The offset behind the last byte that an earlier supervisor stored: nothing before it is kept
    /// once more.
    stored_end: u64,
    tail: VecDeque<u8>,
}

impl OutputCap {
    /// Keeps at most `cap_bytes`: a sixteenth of it (at most 1 MiB) for each tail, the rest for
    /// the head.
    pub fn new(cap_bytes: u64) -> Self {
        let tail_cap = (cap_bytes / 16).min(MAX_TAIL_BYTES);
        Self {
            head_left: cap_bytes - 2 * tail_cap,
            tail_cap,
            streams: [StreamTail::default(), StreamTail::default()],
        }
    }

    /// Goes on where another left off: reading begins again at `checkpoint`, and what is stored of it
    /// already is left out.
    #[must_use]
    pub fn resumed(self, checkpoint: &Checkpoint, stored: &StoredUpTo) -> Self {
        let mut cap = self;
        let all_stored = stored
            .bytes
            .iter()
            .fold(0, |a: u64, b| a.saturating_add(*b));
        cap.head_left = cap.head_left.saturating_sub(all_stored);
        for stream in Stream::ALL {
            let index = stream.index();
            let state = &mut cap.streams[index];
            state.seen = checkpoint.seen[index];
            state.handed_on = stored.bytes[index];
            state.stored_end = stored.ends[index];
        }
        cap
    }

    /// Per stream, how many bytes it carried so far, if all of them were handed on or left out for
    /// good; none while some are here alone, and would be missed by whoever went on from here.
    pub fn seen(&self) -> Option<[u64; 2]> {
        let is_empty = self.streams.iter().all(|state| state.tail.is_empty());
        is_empty.then(|| Stream::ALL.map(|stream| self.streams[stream.index()].seen))
    }

    /// Takes what was written; returns the part that belongs to the head.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) -> Option<KeptOutput> {
        let state = &mut self.streams[stream.index()];
        let stored = usize::try_from(state.stored_end.saturating_sub(state.seen));
        let (stored, bytes) = bytes.split_at(stored.unwrap_or(usize::MAX).min(bytes.len()));
        state.seen += stored.len() as u64;
        let position = state.seen;
        state.seen += bytes.len() as u64;
        let for_head = usize::try_from(self.head_left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (head, rest) = bytes.split_at(for_head);
        self.head_left -= head.len() as u64;
        state.handed_on += head.len() as u64;
        state.push_tail(rest, self.tail_cap);
        (!head.is_empty()).then(|| KeptOutput {
            stream,
            position,
            bytes: head.to_vec(),
        })
    }

    /// The ends of the streams, once nothing more is written.
    pub fn finish(&mut self) -> Vec<KeptOutput> {
        let mut tails = Vec::new();
        for stream in Stream::ALL {
            let state = &mut self.streams[stream.index()];
            if !state.tail.is_empty() {
                let bytes: Vec<u8> = std::mem::take(&mut state.tail).into();
                let position = state.seen - bytes.len() as u64;
                state.handed_on += bytes.len() as u64;
                tails.push(KeptOutput {
                    stream,
                    position,
                    bytes,
                });
            }
        }
        tails
    }

    /// How many bytes of each stream (stdout, stderr) were left out, after [`OutputCap::finish`].
    pub fn omitted_bytes(&self) -> [u64; 2] {
        Stream::ALL.map(|stream| {
            let state = &self.streams[stream.index()];
            // Less was read again than is stored when the executor has thrown away its beginning.
            state
                .seen
                .saturating_sub(state.handed_on + state.tail.len() as u64)
        })
    }
}

impl StreamTail {
    fn push_tail(&mut self, bytes: &[u8], cap: u64) {
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let keep = &bytes[bytes.len().saturating_sub(cap)..];
        let excess = (self.tail.len() + keep.len()).saturating_sub(cap);
        self.tail.drain(..excess);
        self.tail.extend(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reassemble(kept: &[KeptOutput], stream: Stream) -> Vec<(u64, Vec<u8>)> {
        kept.iter()
            .filter(|part| part.stream == stream)
            .map(|part| (part.position, part.bytes.clone()))
            .collect()
    }

    proptest! {
        #[test]
        fn head_and_tail_are_true_parts_and_the_rest_is_counted(
            writes in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
            cap in 0u64..400,
        ) {
            let mut plan = OutputCap::new(cap);
            let mut all = [Vec::new(), Vec::new()];
            let mut kept = Vec::new();
            for (is_err, bytes) in &writes {
                let stream = if *is_err { Stream::Stderr } else { Stream::Stdout };
                all[stream.index()].extend_from_slice(bytes);
                kept.extend(plan.push(stream, bytes));
            }
            let heads = kept.len();
            kept.extend(plan.finish());
            let bytes_in = |parts: &[KeptOutput]| parts.iter().map(|part| part.bytes.len()).sum();
            let total: usize = bytes_in(&kept);
            prop_assert!(total as u64 <= cap);
            let tail_cap = usize::try_from(cap / 16).expect("small");
            let head_cap = usize::try_from(cap).expect("small") - 2 * tail_cap;
            let head: usize = bytes_in(&kept[..heads]);
            prop_assert_eq!(head, head_cap.min(all[0].len() + all[1].len()));
            for stream in Stream::ALL {
                let whole = &all[stream.index()];
                let mut end = 0;
                let mut left_out = 0;
                for (position, bytes) in reassemble(&kept, stream) {
                    let start = usize::try_from(position).expect("small");
                    prop_assert!(start >= end, "parts are in order and apart");
                    left_out += start - end;
                    end = start + bytes.len();
                    prop_assert_eq!(&whole[start..end], &bytes[..]);
                }
                left_out += whole.len() - end;
                prop_assert_eq!(left_out as u64, plan.omitted_bytes()[stream.index()]);

                let of_stream = |parts| reassemble(parts, stream);
                let head: usize = of_stream(&kept[..heads]).iter().map(|(_, part)| part.len()).sum();
                let tail = tail_cap.min(whole.len() - head);
                let kept_tail = of_stream(&kept[heads..]).pop().unwrap_or_default();
                prop_assert_eq!(&kept_tail.1[..], &whole[whole.len() - tail..], "the very end is kept");
            }
        }

        /// Whoever goes on after a death keeps, together with what was stored before, exactly what one
        /// alone would have kept, but for the ends of streams beyond the cap, and stores no byte twice.
        #[test]
        fn who_goes_on_loses_nothing_and_repeats_nothing(
            writes in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec(any::<u8>(), 1..40)), 1..40),
            cap in 0u64..400,
            dies_at in 0usize..40,
            stored_at in 0usize..40,
            ends_first in any::<bool>(),
        ) {
            let dies_at = dies_at.min(writes.len());
            let stream_of = |is_err: bool| if is_err { Stream::Stderr } else { Stream::Stdout };
            let mut first = OutputCap::new(cap);
            let (mut kept, mut stored) = (Vec::new(), StoredUpTo::default());
            let (mut checkpoint, mut from) = (Checkpoint::default(), 0);
            for (number, (is_err, bytes)) in writes[..dies_at].iter().enumerate() {
                kept.extend(first.push(stream_of(*is_err), bytes));
                // A batch is stored now and then, with the place to go on from.
                if number % (stored_at + 1) == 0
                    && let Some(seen) = first.seen()
                {
                    (checkpoint, from) = (Checkpoint { seen, at: None }, number + 1);
                }
            }
            if ends_first {
                kept.extend(first.finish());
            }
            for part in &kept {
                let index = part.stream.index();
                let end = part.position + part.bytes.len() as u64;
                stored.ends[index] = stored.ends[index].max(end);
                stored.bytes[index] += part.bytes.len() as u64;
            }
            let mut second = OutputCap::new(cap).resumed(&checkpoint, &stored);
            for (is_err, bytes) in &writes[from..] {
                kept.extend(second.push(stream_of(*is_err), bytes));
            }
            kept.extend(second.finish());
            for stream in Stream::ALL {
                let mut all = Vec::new();
                for (_, bytes) in writes.iter().filter(|(is_err, _)| stream_of(*is_err) == stream) {
                    all.extend_from_slice(bytes);
                }
                let mut end = 0;
                let mut held = 0;
                for (position, bytes) in reassemble(&kept, stream) {
                    let start = usize::try_from(position).expect("small");
                    prop_assert!(start >= end, "a byte is stored twice");
                    end = start + bytes.len();
                    held += bytes.len();
                    prop_assert_eq!(&all[start..end], &bytes[..]);
                }
                prop_assert_eq!((all.len() - held) as u64, second.omitted_bytes()[stream.index()]);
                if all.len() as u64 * 16 < cap {
                    prop_assert_eq!(held, all.len());
                }
            }
        }

        #[test]
        fn nothing_is_left_out_below_the_cap(
            writes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..10),
        ) {
            let mut plan = OutputCap::new(16 * 300);
            let mut kept: Vec<_> =
                writes.iter().filter_map(|bytes| plan.push(Stream::Stdout, bytes)).collect();
            kept.extend(plan.finish());
            let bytes: Vec<u8> = kept.into_iter().flat_map(|part| part.bytes).collect();
            prop_assert_eq!(bytes, writes.concat());
            prop_assert_eq!(plan.omitted_bytes(), [0, 0]);
        }
    }
}
