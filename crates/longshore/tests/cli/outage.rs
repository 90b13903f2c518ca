//! A database that goes away for a while, under those who follow a job.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::postgres::Server;
use crate::support::{Lines, wait_until};

const AWAY: &str = "longshore: the database can't be reached; trying again for 2m";

/// Stands between the binary and a server, and can be cut.
struct Relay {
    address: SocketAddr,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    is_cut: bool,
    connections: Vec<TcpStream>,
}

impl Relay {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let line: Arc<Mutex<Line>> = Arc::default();
        let accepting = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // What is not connected is dropped, and so refused.
                let _refused = connect(&accepting, client, &server);
            }
        });
        Self { address, line }
    }

    /// Ends every connection, and refuses new ones.
    fn cut(&self) {
        let mut line = self.line.lock().expect("nobody panics with it");
        line.is_cut = true;
        for connection in line.connections.drain(..) {
            let _closed_already = connection.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.line.lock().expect("nobody panics with it").is_cut = false;
    }
}

fn connect(line: &Mutex<Line>, client: TcpStream, server: &str) -> io::Result<()> {
    let mut line = line.lock().expect("nobody panics with it");
    if line.is_cut {
        return Ok(());
    }
    let server = TcpStream::connect(server)?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _broken = io::copy(&mut from, &mut to);
            let _closed_already = to.shutdown(Shutdown::Both);
        });
    }
    line.connections.extend([client, server]);
    Ok(())
}

/// The address of the database through a relay, and the relay.
fn relayed(server: &Server) -> (String, Relay) {
    let address = server.url();
    let (before, after) = address.split_once("://").expect("an address has a scheme");
    let (authority, database) = after.split_once('/').expect("it names a database");
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let relay = Relay::to(host.to_owned());
    let at = if user.is_empty() { "" } else { "@" };
    let address = format!("{before}://{user}{at}{}/{database}", relay.address);
    (address, relay)
}

/// Cuts the relay until the command has said so, and mends it.
fn interrupt(relay: &Relay, stderr: &mut Lines) {
    relay.cut();
    next_line_with(stderr, AWAY);
    relay.mend();
    next_line_with(stderr, "the database answers again");
}

fn next_line_with(stderr: &mut Lines, text: &str) {
    while !stderr.next_line().contains(text) {}
}

#[test]
fn waiting_and_following_sit_out_an_outage() {
    let server = Server::migrated();
    let home = &server.home;
    let (address, relay) = relayed(&server);
    for (command, code) in [(&["wait"][..], 130), (&["logs", "-f"], 0)] {
        let job = home.submit(&["--", "true"]);
        let mut running = home.spawn(&[command, &[&job, "--database", &address]].concat());
        let mut stderr = running.stderr_lines();
        next_line_with(&mut stderr, "no live worker serves queue local");
        interrupt(&relay, &mut stderr);
        home.ok(&["cancel", &job]);
        let ran = running.finish();
        assert_eq!(ran.code, code, "{command:?}: {}", ran.report());
        let rest = stderr.rest();
        assert!(!rest.contains(AWAY), "{command:?}: {rest}");
    }
}

#[test]
fn run_sits_out_an_outage_and_keeps_its_job() {
    let server = Server::migrated();
    let home = &server.home;
    let (address, relay) = relayed(&server);
    let script = "echo begun; until test -e go; do sleep 0.05; done; echo done; exit 7";
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let args = ["run", "--database", &address, "--workdir", folder];
    let mut run = home.spawn(&[&args[..], &["--", "sh", "-c", script]].concat());
    let mut stderr = run.stderr_lines();
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    interrupt(&relay, &mut stderr);
    home.file("go", "");
    let ran = run.finish();
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (7, "begun\ndone\n"),
        "{}",
        ran.report()
    );
    assert_eq!(home.state("last"), "failed");
}

#[test]
fn a_job_is_cancelled_once_the_database_is_back() {
    let server = Server::migrated();
    let home = &server.home;
    let (address, relay) = relayed(&server);
    let mut run = home.spawn(&["run", "--database", &address, "--", "sleep", "600"]);
    let mut stderr = run.stderr_lines();
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    relay.cut();
    next_line_with(&mut stderr, AWAY);
    run.signal("INT");
    relay.mend();
    let ran = run.finish();
    assert_eq!(ran.code, 130, "{}", ran.report());
    home.wait_for_state("last", "cancelled");
}
