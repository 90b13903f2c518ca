//! Why a job waits, for the reasons that lie with workers, engines and registries; those of queues,
//! times and retries are in `waiting.rs`, those of hosts in `hosts.rs`.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use super::support::{Home, engine, wait_until};

const WORKER: [&str; 7] = [
    "worker",
    "--poll-interval",
    "50ms",
    "--heartbeat",
    "500ms",
    "--lease-ttl",
    "2s",
];

/// Waits until the job says this of itself.
fn until_it_waits(home: &Home, job: &str, why: &str, text: &str) {
    wait_until(&format!("job {job} waits: {why}"), || {
        home.json(&["show", job])["why_waiting"]["why"] == why
    });
    let shown = home.ok(&["show", job]);
    let waits = shown.lines().find(|line| line.starts_with("waits:"));
    assert!(waits.is_some_and(|waits| waits.contains(text)), "{shown}");
}

/// A job that runs until there is a file.
fn until_a_file(home: &Home, file: &str) -> String {
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script = format!("until test -e {file}; do sleep 0.05; done");
    home.submit(&["-w", folder, "--", "sh", "-c", &script])
}

#[test]
fn workers_that_are_full_and_then_drain_are_the_reason() {
    let home = Home::new();
    let holder = until_a_file(&home, "go");
    let worker = home.spawn(&[&WORKER[..], &["--max-concurrent", "1"]].concat());
    home.wait_for_state(&holder, "running");
    let waiting = home.submit(&["--", "true"]);
    let full = "all 1 slots of the workers of queue local are taken";
    until_it_waits(&home, &waiting, "workers_full", full);
    let name = home.json(&["workers"])[0]["name"].clone();
    let name = name.as_str().expect("a worker has a name");
    assert_eq!(
        home.ok(&["workers", "drain", name]),
        format!("{name} draining\n")
    );
    let draining = "every worker that serves queue local is draining";
    until_it_waits(&home, &waiting, "workers_draining", draining);
    home.file("go", "");
    assert_eq!(worker.finish().code, 0, "it ends with what it ran");
    until_it_waits(
        &home,
        &waiting,
        "no_worker",
        "`longshore worker --queue local` starts one",
    );
    let unknown = home.run(&["workers", "drain", "nobody"]);
    assert_eq!(unknown.code, 1, "{}", unknown.report());
}

#[test]
fn an_image_that_is_being_pulled_is_the_reason() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    // A registry that takes every call and answers none.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it is bound");
    let home = Home::new();
    let image = format!("{address}/slow:1");
    let job = home.submit(&[&image]);
    let serve = ["--queue", "default", "--docker-host", &engine.address];
    let worker = home.spawn(&[&WORKER[..], &serve].concat());
    until_it_waits(&home, &job, "launching", &image);
    home.ok(&["cancel", &job]);
    home.wait_for_state(&job, "cancelled");
    worker.signal("TERM");
    drop(silent);
    assert_eq!(worker.finish().code, 0);
}

/// An engine's door that can be shut: a port that passes everything on to its socket.
struct Door {
    address: String,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Door {
    fn to(socket: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = format!("tcp://{}", listener.local_addr().expect("it is bound"));
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let socket = socket.trim_start_matches("unix://").to_owned();
        let visitors = Arc::clone(&open);
        std::thread::spawn(move || {
            while let Ok((visitor, _)) = listener.accept() {
                let mut visitors = visitors.lock().expect("nobody panics with it");
                // Shut: the listener goes with this thread.
                let Some(visitors) = &mut *visitors else {
                    return;
                };
                visitors.push(visitor.try_clone().expect("a socket can be shared"));
                let engine = UnixStream::connect(&socket).expect("the engine listens");
                pass_on(visitor, engine);
            }
        });
        Self { address, open }
    }

    /// Ends every visit; whoever comes after the next finds nobody.
    fn shut(&self) {
        let visitors = self.open.lock().expect("nobody panics with it").take();
        for visitor in visitors.into_iter().flatten() {
            let _gone_already = visitor.shutdown(Shutdown::Both);
        }
    }
}

/// Both ways, until either side ends.
fn pass_on(visitor: TcpStream, engine: UnixStream) {
    let (mut from, mut to) = (
        visitor.try_clone().expect("a socket can be shared"),
        engine.try_clone().expect("a socket can be shared"),
    );
    std::thread::spawn(move || {
        let _ended = io::copy(&mut from, &mut to);
        let _gone_already = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (engine, visitor);
    std::thread::spawn(move || {
        let _ended = io::copy(&mut from, &mut to);
        let _gone_already = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn an_engine_that_cannot_be_reached_is_the_reason() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    let home = Home::new();
    let door = Door::to(&engine.address);
    let serve = ["--queue", "default", "--docker-host", &door.address];
    let worker = home.spawn(&[&WORKER[..], &serve].concat());
    let done = home.submit(&[&engine.image, "true"]);
    home.wait_for_state(&done, "completed");
    door.shut();
    wait_until("the host is known to be away", || {
        home.json(&["hosts", "list"])
            .as_array()
            .is_some_and(|hosts| hosts.iter().any(|host| !host["problem"].is_null()))
    });
    let job = home.submit(&[&engine.image, "true"]);
    until_it_waits(&home, &job, "hosts_unreachable", "can't be reached: host");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}
