//! A server in a process of its own, so that what it takes and asks can be told from what the test does.

use std::time::Duration;

use longshore_client::{Client, ClientOptions};
use reqwest::{Method, RequestBuilder};

use crate::support::{Home, Running};

/// Ends with the test.
pub struct Apart {
    running: Running,
    url: String,
    pub address: String,
    http: reqwest::Client,
    _home: Home,
}

impl Apart {
    /// A new file's server, and a client that waits so long for an answer, streams included.
    pub fn start(patience: Duration) -> Self {
        let home = Home::new();
        let mut running = home.spawn(&["server", "--listen", "127.0.0.1:0"]);
        let line = running.stderr_lines().next_line();
        let (_, url) = line
            .trim()
            .split_once("listens on ")
            .expect("it says where");
        let address = url.trim_start_matches("http://").to_owned();
        let url = url.to_owned();
        // Brings what encrypts, once for the process.
        drop(Client::new(&url, None, &ClientOptions::default()).expect("an address"));
        let http = reqwest::Client::builder().timeout(patience).build();
        Self {
            running,
            url,
            address,
            http: http.expect("a client"),
            _home: home,
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }
}
