//! The proxy itself, before a server that counts what it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore_testkit::proxy::{Dialect, Direction, Endpoint, Lost, Proxy, Which, contains};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// For what must not come: it would within microseconds.
const QUIET: Duration = Duration::from_millis(200);

/// Answers each line with the same line; counts them.
struct Echo {
    address: Endpoint,
    heard: Arc<AtomicUsize>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = Endpoint::Tcp(listener.local_addr().expect("bound"));
        let heard = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counting = Arc::clone(&counting);
                tokio::spawn(async move {
                    let (from, mut to) = client.into_split();
                    let mut lines = BufReader::new(from).lines();
                    while let Ok(Some(line)) = lines.next_line().await {
                        counting.fetch_add(1, Ordering::SeqCst);
                        let _ = to.write_all(format!("{line}\n").as_bytes()).await;
                    }
                });
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

async fn scene() -> (Echo, Proxy) {
    let echo = Echo::start().await;
    let proxy = Proxy::on_tcp(echo.address.clone(), Dialect::Bytes).await;
    (echo, proxy)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    let connected = TcpStream::connect(("127.0.0.1", proxy.port())).await;
    connected.expect("it listens")
}

/// Says a line.
async fn say(client: &mut TcpStream, line: &str) {
    // What was closed meanwhile shows when it is listened to.
    let _ = client.write_all(format!("{line}\n").as_bytes()).await;
}

/// What comes next, in time; nothing once the connection is closed.
async fn hear(client: &mut TcpStream) -> String {
    let mut block = [0; 1024];
    let read = timeout(PATIENCE, client.read(&mut block)).await;
    let read = read.expect("an answer or an end").unwrap_or(0);
    String::from_utf8_lossy(&block[..read]).into_owned()
}

async fn is_silent(client: &mut TcpStream) -> bool {
    let mut byte = [0];
    timeout(QUIET, client.peek(&mut byte)).await.is_err()
}

#[tokio::test]
async fn what_is_not_disturbed_goes_through_to_its_last_byte() {
    let (_echo, proxy) = scene().await;
    let mut client = connect(&proxy).await;
    let line = "x".repeat(1_000_000);
    let (mut from, mut to) = client.split();
    let saying = async {
        to.write_all(format!("{line}\n").as_bytes())
            .await
            .expect("written");
        to.shutdown().await.expect("half closed");
    };
    let mut answer = String::new();
    let hearing = from.read_to_string(&mut answer);
    let both = async { tokio::join!(saying, hearing) };
    let ((), read) = timeout(PATIENCE, both).await.expect("in time");
    read.expect("text, and its end");
    assert_eq!(answer.trim_end().len(), line.len());
}

#[tokio::test]
async fn a_cut_ends_what_there_is_and_nothing_later() {
    let (_echo, proxy) = scene().await;
    let mut before = connect(&proxy).await;
    say(&mut before, "one").await;
    assert_eq!(hear(&mut before).await, "one\n");
    proxy.cut();
    assert_eq!(hear(&mut before).await, "");
    let mut after = connect(&proxy).await;
    say(&mut after, "two").await;
    assert_eq!(hear(&mut after).await, "two\n");
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn who_is_refused_is_closed_until_it_goes_on() {
    let (echo, proxy) = scene().await;
    let mut before = connect(&proxy).await;
    say(&mut before, "one").await;
    assert_eq!(hear(&mut before).await, "one\n");
    proxy.refuse();
    assert_eq!(hear(&mut before).await, "");
    let mut refused = connect(&proxy).await;
    say(&mut refused, "two").await;
    assert_eq!(hear(&mut refused).await, "");
    proxy.resume();
    let mut after = connect(&proxy).await;
    say(&mut after, "three").await;
    assert_eq!(hear(&mut after).await, "three\n");
    assert_eq!(echo.heard(), 2);
}

#[tokio::test]
async fn what_is_stalled_is_held_and_not_closed() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (echo, proxy) = scene().await;
        let mut client = connect(&proxy).await;
        say(&mut client, "one").await;
        assert_eq!(hear(&mut client).await, "one\n");
        proxy.stall(&[direction], Which::All);
        say(&mut client, "two").await;
        assert!(is_silent(&mut client).await);
        let heard = match direction {
            Direction::ToServer => 1,
            Direction::ToClient => 2,
        };
        assert_eq!(echo.heard(), heard, "{direction:?}");
        proxy.resume();
        assert_eq!(hear(&mut client).await, "two\n");
    }
}

#[tokio::test]
async fn a_stall_of_what_there_is_leaves_the_way_free_for_others() {
    let (_echo, proxy) = scene().await;
    let mut before = connect(&proxy).await;
    say(&mut before, "one").await;
    assert_eq!(hear(&mut before).await, "one\n");
    proxy.stall(&[Direction::ToServer], Which::Present);
    say(&mut before, "two").await;
    let mut after = connect(&proxy).await;
    say(&mut after, "three").await;
    assert_eq!(hear(&mut after).await, "three\n");
    assert!(is_silent(&mut before).await);
}

#[tokio::test]
async fn an_answer_is_lost_after_the_act() {
    let (echo, proxy) = scene().await;
    let trap = proxy.lose(Lost::AfterTheAct, contains("POST"));
    let mut client = connect(&proxy).await;
    say(&mut client, "GET").await;
    assert_eq!(hear(&mut client).await, "GET\n");
    say(&mut client, "POST").await;
    assert_eq!(
        hear(&mut client).await,
        "",
        "closed without a byte of the answer"
    );
    trap.sprung().await;
    assert_eq!(echo.heard(), 2);
    let mut after = connect(&proxy).await;
    say(&mut after, "POST").await;
    assert_eq!(hear(&mut after).await, "POST\n", "a trap springs once");
}

#[tokio::test]
async fn a_question_is_lost_before_the_act_every_time_or_once() {
    let (echo, proxy) = scene().await;
    proxy.lose_every(Lost::BeforeTheAct, contains("PUT"));
    let trap = proxy.lose(Lost::BeforeTheAct, contains("POST"));
    for line in ["PUT", "POST", "PUT"] {
        let mut client = connect(&proxy).await;
        say(&mut client, line).await;
        assert_eq!(hear(&mut client).await, "");
    }
    trap.sprung().await;
    assert_eq!(echo.heard(), 0);
}

/// The start of a container, as bollard sends it: over a Unix socket, its head in one write or in two.
#[tokio::test]
async fn a_request_over_a_socket_is_known_though_it_comes_in_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&engine).expect("a socket");
    let acts = Arc::new(AtomicUsize::new(0));
    let acting = Arc::clone(&acts);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if client.read_exact(&mut byte).await.is_err() {
                    break;
                }
                request.push(byte[0]);
            }
            acting.fetch_add(1, Ordering::SeqCst);
            let _ = client.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    let front = folder.path().join("front.sock");
    let proxy = Proxy::on_unix(&front, Endpoint::Unix(engine), Dialect::Bytes);
    let is_start = |request: &[u8]| {
        request.starts_with(b"POST /containers/abc/start") && request.ends_with(b"\r\n\r\n")
    };
    let trap = proxy.lose(Lost::AfterTheAct, is_start);
    let mut client = UnixStream::connect(&front).await.expect("it listens");
    for piece in [
        "POST /containers/abc",
        "/start HTTP/1.1\r\nHost: d\r\n",
        "\r\n",
    ] {
        client.write_all(piece.as_bytes()).await.expect("written");
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, client.read_to_end(&mut answer)).await;
    assert_eq!(read.expect("an end").unwrap_or(0), 0);
    trap.sprung().await;
    assert_eq!(acts.load(Ordering::SeqCst), 1);
}
