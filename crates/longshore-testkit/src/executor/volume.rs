//! Much output: all of it arrives, no faster than it is pulled, and nothing piles up on the way.
//!
//! These cases look at the memory of the whole test process, so each runs alone in it.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::output::Stream;
use tokio::time::sleep;

use super::probe::resident_bytes;
use super::scene::{Scene, in_time};

pub async fn fifty_megabytes_arrive_whole_without_growing_memory(scene: &Scene) {
    let bytes = arrives_whole_and_memory_stays(scene, 6_600_000, Duration::ZERO).await;
    assert!(bytes > 50_000_000, "{bytes}");
}

pub async fn a_slow_consumer_gets_everything_without_growing_memory(scene: &Scene) {
    arrives_whole_and_memory_stays(scene, 4_000_000, Duration::from_millis(1)).await;
}

/// Less than half of what the job writes; what the case itself needs is far below it.
const MEMORY_GROWTH: u64 = 20_000_000;

/// Runs `seq 1 last`, pausing after each chunk; checks every byte on the way; how many there were.
async fn arrives_whole_and_memory_stays(scene: &Scene, last: u32, pause: Duration) -> usize {
    let script = format!("seq 1 {last}; echo done >&2");
    let mut launched = scene.launch(scene.shell(&script)).await;
    let mut expected = Numbers::default();
    let (mut count, mut stderr) = (0, Vec::new());
    let before = resident_bytes();
    while let Some(chunk) = in_time("more output", launched.output.next()).await {
        let chunk = chunk.unwrap_or_else(|error| panic!("{error}"));
        match chunk.stream {
            Stream::Stdout => {
                assert!(
                    expected.take(chunk.bytes.len()) == chunk.bytes,
                    "wrong after {count}"
                );
                count += chunk.bytes.len();
            }
            Stream::Stderr => stderr.extend(chunk.bytes),
        }
        let growth = resident_bytes().saturating_sub(before);
        assert!(
            growth < MEMORY_GROWTH,
            "{growth} bytes more after {count} bytes of output"
        );
        if !pause.is_zero() {
            sleep(pause).await; // the consumer's slowness, not a wait for something
        }
    }
    assert_eq!(expected.written, last, "the last line arrived");
    assert_eq!(stderr, b"done\n");
    let ended = in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.exit.code, Some(0));
    count
}

/// What `seq` writes, made as it is needed.
#[derive(Default)]
struct Numbers {
    written: u32,
    ready: String,
}

impl Numbers {
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.ready.len() < count {
            self.written += 1;
            writeln!(self.ready, "{}", self.written).expect("writing to a string works");
        }
        self.ready.drain(..count).collect::<String>().into_bytes()
    }
}
