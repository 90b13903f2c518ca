//! One connection: two pumps that obey the weather, and the trap that may catch a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::sync::oneshot;

use super::dialect::{Answer, Requests};
use super::{Direction, Duplex, Lost, Shared, Weather};

/// As much as is read at once.
const BLOCK: usize = 16 * 1024;

type From = ReadHalf<Box<dyn Duplex>>;
type To = WriteHalf<Box<dyn Duplex>>;

/// An answer that is to be lost, and who waits for that.
type Caught = (Answer, Option<oneshot::Sender<()>>);

/// A connection between a client and the server.
struct Connection {
    number: u64,
    shared: Arc<Shared>,
    /// The server has spoken since the client was last heard.
    has_answered: AtomicBool,
    /// Set while an answer is to be lost: who is told that it came.
    caught: Mutex<Option<Caught>>,
}

/// Whether a pump's end leaves the other one going.
enum Ended {
    /// Its side has said all that it had to say.
    Half,
    /// There is no connection any more.
    Whole,
}

/// Serves a client until either side is done, the connection is cut, or a trap has caught something:
/// both sides are closed by the end of this.
pub(super) async fn run(client: Box<dyn Duplex>, number: u64, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let is_cut = weather.wait_for(|weather| number < weather.cut_below);
    tokio::select! {
        _ = is_cut => {}
        () = serve(client, number, &shared) => {}
    }
}

async fn serve(client: Box<dyn Duplex>, number: u64, shared: &Arc<Shared>) {
    // Not before bytes flow: a stalled network connects nobody either.
    flowing(shared, Direction::ToServer, number).await;
    let Ok(server) = shared.server.connect().await else {
        return;
    };
    let connection = Connection {
        number,
        shared: Arc::clone(shared),
        has_answered: AtomicBool::new(false),
        caught: Mutex::default(),
    };
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = split(server);
    let requests = connection.pump_requests(from_client, to_server);
    let answers = connection.pump_answers(from_server, to_client);
    tokio::pin!(requests, answers);
    tokio::select! {
        ended = &mut requests => {
            // A client that has said all may still be answered.
            if let Ended::Half = ended {
                answers.await;
            }
        }
        // The server has the last word.
        _ = &mut answers => {}
    }
}

/// Waits until bytes of this direction pass.
async fn flowing(shared: &Shared, direction: Direction, number: u64) {
    let mut weather = shared.weather.subscribe();
    let flows = |weather: &Weather| weather.flows(direction, number);
    // An error: the proxy is gone, and the connection with it.
    let _ = weather.wait_for(flows).await;
}

/// Says that a trap has sprung. Whoever set it may not wait for it.
fn tell(waiting: Option<oneshot::Sender<()>>) {
    let _ = waiting.map(|waiting| waiting.send(()));
}

impl Connection {
    async fn pump_requests(&self, mut from: From, mut to: To) -> Ended {
        let mut requests = Requests::new(self.shared.dialect);
        let mut block = vec![0; BLOCK];
        loop {
            self.flowing(Direction::ToServer).await;
            let Ok(read) = from.read(&mut block).await else {
                return Ended::Whole;
            };
            // What was on its way when the stall began is held too.
            self.flowing(Direction::ToServer).await;
            if read == 0 {
                let _ = to.shutdown().await;
                return Ended::Half;
            }
            if self.has_answered.swap(false, Ordering::AcqRel) {
                requests.answered();
            }
            for request in requests.heard(&block[..read]) {
                let Some(sprung) = self.shared.springs(&request) else {
                    continue;
                };
                match sprung.lost {
                    Lost::BeforeTheAct => {
                        tell(sprung.tell);
                        return Ended::Whole;
                    }
                    Lost::AfterTheAct => {
                        let answer = Answer::new(self.shared.dialect);
                        *self.caught() = Some((answer, sprung.tell));
                    }
                }
            }
            if to.write_all(&block[..read]).await.is_err() {
                return Ended::Whole;
            }
        }
    }

    async fn pump_answers(&self, mut from: From, mut to: To) -> Ended {
        let mut block = vec![0; BLOCK];
        loop {
            self.flowing(Direction::ToClient).await;
            let Ok(read) = from.read(&mut block).await else {
                return Ended::Whole;
            };
            self.flowing(Direction::ToClient).await;
            if read == 0 {
                let _ = to.shutdown().await;
                return Ended::Half;
            }
            self.has_answered.store(true, Ordering::Release);
            if let Some(is_whole) = self.swallowed(&block[..read]) {
                if is_whole {
                    return Ended::Whole;
                }
                continue;
            }
            if to.write_all(&block[..read]).await.is_err() {
                return Ended::Whole;
            }
        }
    }

    /// Swallows these bytes if an answer is to be lost; says then whether it was whole with them.
    fn swallowed(&self, bytes: &[u8]) -> Option<bool> {
        let mut caught = self.caught();
        let (answer, _) = caught.as_mut()?;
        let is_whole = answer.is_whole_with(bytes);
        if is_whole && let Some((_, waiting)) = caught.take() {
            tell(waiting);
        }
        Some(is_whole)
    }

    fn caught(&self) -> MutexGuard<'_, Option<Caught>> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn flowing(&self, direction: Direction) {
        flowing(&self.shared, direction, self.number).await;
    }
}
