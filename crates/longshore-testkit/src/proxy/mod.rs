//! A proxy that stands between a client and its server, and fails in every way in which a network
//! can: for PostgreSQL, for the Docker API, for whatever speaks in requests and answers over TCP or a
//! Unix socket.
//!
//! Owns what happens to bytes on their way: cut, held, refused, and lost before or after what they
//! ask for was done. Never changes a byte, and knows no more of a protocol than where a request begins
//! ([`Dialect`]).

mod connection;
mod dialect;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub use dialect::{Dialect, contains};

/// Where a server listens, or the proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// A port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Bytes on their way in one of two directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Requests.
    ToServer,
    /// Answers.
    ToClient,
}

/// Which connections something holds for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Those that there are and those to come.
    All,
    /// Those that there are: later ones go through.
    Present,
}

/// What is lost of a request that a trap waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The request: the server never hears of it.
    BeforeTheAct,
    /// The answer: the server did what it was asked, and answered.
    AfterTheAct,
}

/// A proxy in front of one server. Connections end with it.
#[derive(Debug)]
pub struct Proxy {
    address: Endpoint,
    shared: Arc<Shared>,
    /// Accepts, and holds what was accepted.
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// On a free port of the loopback device.
    ///
    /// # Panics
    /// If there is none.
    pub async fn on_tcp(server: Endpoint, dialect: Dialect) -> Self {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.expect("there is a free port");
        let address = Endpoint::Tcp(listener.local_addr().expect("it is bound"));
        Self::begin(address, Listener::Tcp(listener), server, dialect)
    }

    /// On a socket that is made at `path`.
    ///
    /// # Panics
    /// If it can't be made.
    pub fn on_unix(path: &Path, server: Endpoint, dialect: Dialect) -> Self {
        let listener = UnixListener::bind(path).expect("a socket can be made");
        let address = Endpoint::Unix(path.to_owned());
        Self::begin(address, Listener::Unix(listener), server, dialect)
    }

    fn begin(address: Endpoint, listener: Listener, server: Endpoint, dialect: Dialect) -> Self {
        let shared = Arc::new(Shared {
            server,
            dialect,
            weather: watch::Sender::default(),
            traps: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _accepting: accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &Endpoint {
        &self.address
    }

    /// The port that it listens on.
    ///
    /// # Panics
    /// If it listens on a socket in the file system.
    pub fn port(&self) -> u16 {
        match &self.address {
            Endpoint::Tcp(address) => address.port(),
            Endpoint::Unix(path) => panic!("{} is no port", path.display()),
        }
    }

    /// Closes every connection, on both sides. New ones go through.
    pub fn cut(&self) {
        self.change(|weather| weather.cut_below = weather.accepted);
    }

    /// Closes every connection, and new ones as soon as they are made, until [`Proxy::resume`].
    pub fn refuse(&self) {
        self.change(|weather| {
            weather.refuses = true;
            weather.cut_below = weather.accepted;
        });
    }

    /// Holds bytes back without closing anything: the connections are half open, until
    /// [`Proxy::resume`] lets through what was held.
    pub fn stall(&self, directions: &[Direction], which: Which) {
        self.change(|weather| {
            let below = match which {
                Which::All => u64::MAX,
                Which::Present => weather.accepted,
            };
            for direction in directions {
                *weather.stalled_below(*direction) = below;
            }
        });
    }

    /// Lets everything through again that was not cut.
    pub fn resume(&self) {
        self.change(|weather| {
            weather.refuses = false;
            weather.to_server_stalled_below = 0;
            weather.to_client_stalled_below = 0;
        });
    }

    /// How many connections were made so far.
    pub fn accepted(&self) -> u64 {
        self.shared.weather.borrow().accepted
    }

    /// Loses the next request for which `is_it` holds, or its answer, and closes its connection.
    /// What the predicate is shown, the [`Dialect`] says.
    pub fn lose(&self, lost: Lost, is_it: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Trap {
        let (tell, sprung) = oneshot::channel();
        self.shared.traps().push(Set {
            lost,
            is_it: Arc::new(is_it),
            tell: Some(tell),
        });
        Trap(sprung)
    }

    /// The same for every such request from now on.
    pub fn lose_every(&self, lost: Lost, is_it: impl Fn(&[u8]) -> bool + Send + Sync + 'static) {
        self.shared.traps().push(Set {
            lost,
            is_it: Arc::new(is_it),
            tell: None,
        });
    }

    fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.shared.weather.send_modify(change);
    }
}

/// A trap that was set by [`Proxy::lose`]. Dropped, it stays set.
#[derive(Debug)]
pub struct Trap(oneshot::Receiver<()>);

impl Trap {
    /// Waits until it has caught its request: with [`Lost::AfterTheAct`] the server has answered.
    ///
    /// # Panics
    /// If the connection ended in another way, or the proxy.
    pub async fn sprung(self) {
        self.0.await.expect("what was caught ends by the trap");
    }
}

/// Whether a request is the one that is meant.
type IsIt = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A trap as connections see it.
struct Set {
    lost: Lost,
    is_it: IsIt,
    /// Who waits for it to spring; one that nobody waits for springs again.
    tell: Option<oneshot::Sender<()>>,
}

/// What becomes of bytes at the moment. Connections are numbered as they are accepted.
#[derive(Default, Debug)]
struct Weather {
    accepted: u64,
    cut_below: u64,
    refuses: bool,
    to_server_stalled_below: u64,
    to_client_stalled_below: u64,
}

impl Weather {
    fn stalled_below(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::ToServer => &mut self.to_server_stalled_below,
            Direction::ToClient => &mut self.to_client_stalled_below,
        }
    }

    fn flows(&self, direction: Direction, number: u64) -> bool {
        number
            >= match direction {
                Direction::ToServer => self.to_server_stalled_below,
                Direction::ToClient => self.to_client_stalled_below,
            }
    }
}

/// What connections share.
struct Shared {
    server: Endpoint,
    dialect: Dialect,
    weather: watch::Sender<Weather>,
    traps: Mutex<Vec<Set>>,
}

impl Shared {
    fn traps(&self) -> MutexGuard<'_, Vec<Set>> {
        // One push or one removal at a time; a predicate that panics leaves the list whole.
        self.traps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trap that this request springs.
    fn springs(&self, request: &[u8]) -> Option<Set> {
        let mut traps = self.traps();
        let index = traps.iter().position(|set| (set.is_it)(request))?;
        let set = &traps[index];
        if set.tell.is_some() {
            return Some(traps.remove(index));
        }
        Some(Set {
            lost: set.lost,
            is_it: Arc::clone(&set.is_it),
            tell: None,
        })
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shared").field(&self.server).finish()
    }
}

/// Both ways of a connection.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(prompt(listener.accept().await?.0)?),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

impl Endpoint {
    async fn connect(&self) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Tcp(address) => Box::new(prompt(TcpStream::connect(address).await?)?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

/// Small packets must not wait for the next: two hops of that would be a slow network.
fn prompt(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn accept(listener: Listener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok(client) = accepted else { continue };
                let mut number = None;
                shared.weather.send_modify(|weather| {
                    if !weather.refuses {
                        number = Some(weather.accepted);
                        weather.accepted += 1;
                    }
                });
                if let Some(number) = number {
                    connections.spawn(connection::run(client, number, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
