//! What a request is: as much of a protocol as the proxy's predicates need.

use std::collections::HashMap;

/// How client and server speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Any: a request is what the client has sent since the server last said something, and any byte
    /// of the server answers it. Good for HTTP.
    Bytes,
    /// PostgreSQL's protocol, version 3. A request is a query's text, or a bound statement's text and
    /// parameters; it is answered when the server is ready for the next, so that what it asked for is
    /// committed.
    Postgres,
}

/// Whether `text` is among the bytes.
pub fn contains(text: &'static str) -> impl Fn(&[u8]) -> bool + Send + Sync + 'static {
    move |bytes| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }
}

/// Finds the requests in what one client sends.
pub(super) struct Requests {
    dialect: Dialect,
    /// Bytes that are not a whole message yet, or not answered yet.
    pending: Vec<u8>,
    has_begun: bool,
    /// The texts of prepared statements, by name.
    prepared: HashMap<Vec<u8>, Vec<u8>>,
}

/// So much of a request is shown at most, where only the answer shows its end.
const MOST: usize = 1024 * 1024;

/// A message's first byte and its length, which counts itself.
const HEADER: usize = 5;

impl Requests {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            pending: Vec::new(),
            has_begun: false,
            prepared: HashMap::new(),
        }
    }

    /// The requests that these bytes complete, or the one that they go on with.
    pub fn heard(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.pending.extend_from_slice(bytes);
        match self.dialect {
            Dialect::Bytes => {
                self.pending.truncate(MOST);
                vec![self.pending.clone()]
            }
            Dialect::Postgres => {
                let mut requests = Vec::new();
                while let Some((kind, body)) = self.next_message() {
                    requests.extend(self.request(kind, &body));
                }
                requests
            }
        }
    }

    /// The server has said something: what comes next is a new request.
    pub fn answered(&mut self) {
        if self.dialect == Dialect::Bytes {
            self.pending.clear();
        }
    }

    /// Takes a whole message. The first of a connection has no kind.
    fn next_message(&mut self) -> Option<(u8, Vec<u8>)> {
        let (kind, header) = if self.has_begun {
            (*self.pending.first()?, HEADER)
        } else {
            (0, HEADER - 1)
        };
        let length: [u8; 4] = self.pending.get(header - 4..header)?.try_into().ok()?;
        let end = header - 4 + u32::from_be_bytes(length) as usize;
        let body = self.pending.get(header..end)?.to_vec();
        self.pending.drain(..end);
        // A question about encryption, of eight bytes, comes before the real beginning.
        self.has_begun = self.has_begun || end > 8;
        Some((kind, body))
    }

    fn request(&mut self, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let mut words = body.split(|byte| *byte == 0);
        match kind {
            // A query's text.
            b'Q' => Some(words.next()?.to_vec()),
            // A statement is prepared: its name, then its text.
            b'P' => {
                let (name, text) = (words.next()?, words.next()?);
                self.prepared.insert(name.to_vec(), text.to_vec());
                None
            }
            // It is bound: the portal's name, the statement's, then the parameters.
            b'B' => {
                let name = words.nth(1)?;
                let mut request = self.prepared.get(name)?.clone();
                request.extend_from_slice(body);
                Some(request)
            }
            _ => None,
        }
    }
}

/// Hears when a request is answered.
pub(super) struct Answer {
    dialect: Dialect,
    /// The last bytes, as many as say that a server is ready.
    tail: Vec<u8>,
}

/// The length and the kind of `ReadyForQuery`; the transaction's state follows.
const READY: &[u8] = b"Z\0\0\0\x05";

impl Answer {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            tail: Vec::new(),
        }
    }

    /// Whether the answer is whole with these bytes of the server.
    pub fn is_whole_with(&mut self, bytes: &[u8]) -> bool {
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(READY.len() + 1);
        self.tail.drain(..surplus);
        match self.dialect {
            Dialect::Bytes => !self.tail.is_empty(),
            Dialect::Postgres => self.tail.starts_with(READY),
        }
    }
}
