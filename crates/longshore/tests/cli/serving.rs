//! `longshore server`: to whom it listens, and what is said when it can't be asked.

use std::process::{Command, Stdio};

use crate::support::{Home, Running};

/// A server, and where it listens.
fn serve(home: &Home, args: &[&str]) -> (Running, String) {
    let mut running = home.spawn(&[&["server"], args].concat());
    let line = running.stderr_lines().wait_for("listens on");
    let (_, url) = line
        .trim()
        .split_once("listens on ")
        .expect("it says where");
    let port = url.rsplit(':').next().expect("a port");
    let scheme = url.split(':').next().expect("a scheme");
    let url = format!("{scheme}://localhost:{port}");
    (running, url)
}

#[test]
fn a_server_that_others_reach_begins_with_tokens_and_tls_or_not_at_all() {
    let home = Home::new();
    let elsewhere = ["server", "--listen", "0.0.0.0:0"];
    for (more, code, said) in [
        (&[][..], 2, "without TLS would show every token"),
        (&["--anonymous", "reader"], 2, "on loopback alone"),
        (
            &["--certificate", "x.pem"],
            2,
            "--certificate needs its --key",
        ),
        (&["--behind-proxy"], 1, "there is no token"),
        (
            &["--certificate", "no.pem", "--key", "no.key"],
            1,
            "there is no token",
        ),
    ] {
        let ran = home.run(&[&elsewhere[..], more].concat());
        assert_eq!(ran.code, code, "{more:?}: {}", ran.report());
        assert!(ran.stderr.contains(said), "{more:?}: {}", ran.report());
    }
    // Whoever comes through a proxy seems to come from loopback.
    let proxied = ["server", "--listen", "127.0.0.1:0", "--behind-proxy"];
    let ran = home.run(&proxied);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("there is no token"), "{}", ran.report());
    let open = [
        "--listen",
        "127.0.0.1:0",
        "--behind-proxy",
        "--anonymous",
        "reader",
    ];
    let (_open, url) = serve(&home, &open);
    home.ok(&["--server", &url, "list"]);
    let token = home.ok(&[
        "token",
        "create",
        "--role",
        "reader",
        "ci",
        "--lifetime",
        "1500ms",
    ]);
    let args = ["--listen", "0.0.0.0:0", "--behind-proxy"];
    let (_running, url) = serve(&home, &args);
    let ran = home.run(&["--server", &url, "list"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("Authorization: Bearer"),
        "{}",
        ran.report()
    );
    let file = home.file("token", &token);
    let list = ["--server", &url, "--token-file", &file, "list", "--json"];
    // Good for a moment: either the answer, or that it has expired.
    let ran = home.run(&list);
    assert!(
        ran.code == 0 || ran.stderr.contains("has expired"),
        "{}",
        ran.report()
    );
}

#[test]
fn a_certificate_makes_it_https_and_who_does_not_trust_it_sends_no_token() {
    let home = Home::new();
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let certificate = home.file("server.pem", &made.cert.pem());
    let key = home.file("server.key", &made.signing_key.serialize_pem());
    let token = home.ok(&["token", "create", "--role", "submitter", "ci"]);
    let args = [
        "--listen",
        "0.0.0.0:0",
        "--certificate",
        &certificate,
        "--key",
        &key,
    ];
    let (_running, url) = serve(&home, &args);
    assert!(url.starts_with("https://"), "{url}");
    let ask = |trusted: Option<&str>| {
        let mut command = home.command(&["--server", &url, "submit", "--image", "a"]);
        command.env("LONGSHORE_TOKEN", token.trim());
        if let Some(trusted) = trusted {
            command.env("SSL_CERT_FILE", trusted);
        }
        Running::start(&mut command).finish()
    };
    let trusting = ask(Some(&certificate));
    assert_eq!(
        (trusting.code, trusting.stdout.trim()),
        (0, "1"),
        "{}",
        trusting.report()
    );
    let wary = ask(None);
    assert_eq!(wary.code, 3, "{}", wary.report());
    assert!(
        wary.stderr.contains("the server can't be reached"),
        "{}",
        wary.report()
    );
}

#[test]
fn a_server_that_is_away_is_named_as_that_and_what_needs_the_database_says_so() {
    let home = Home::new();
    let away = "http://127.0.0.1:1";
    let ran = home.run(&["--server", away, "list"]);
    assert_eq!(ran.code, 3, "{}", ran.report());
    for said in [
        "the server can't be reached",
        "--server or LONGSHORE_SERVER",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.report());
    }
    let ran = home.run(&["--server", away, "doctor"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stdout.contains(&format!("address: {away}")),
        "{}",
        ran.report()
    );
    assert!(ran.stdout.contains("PROBLEM  server:"), "{}", ran.report());
    for command in ["worker", "server", "up", "migrate"] {
        let ran = home.run(&["--server", away, command]);
        assert_eq!(ran.code, 2, "{command}: {}", ran.report());
        assert!(
            ran.stderr.contains("needs the database itself"),
            "{}",
            ran.report()
        );
    }
    assert!(!home.database().exists(), "nothing was asked of a database");
    let ran = home.run(&["--server", "localhost:7373", "list"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
}

#[test]
fn doctor_through_a_server_looks_at_its_database_as_far_as_the_token_goes() {
    let home = Home::new();
    let job = home.submit(&["--hold", "--", "true"]);
    assert_eq!(job, "1");
    let (_running, url) = serve(&home, &["--listen", "127.0.0.1:0"]);
    let operator = home.ok(&["token", "create", "--role", "operator", "op"]);
    let ask = |token: Option<&str>| {
        let mut command: Command = home.command(&["--server", &url, "doctor"]);
        command.stdin(Stdio::null());
        if let Some(token) = token {
            command.env("LONGSHORE_TOKEN", token);
        }
        Running::start(&mut command).finish()
    };
    let whole = ask(Some(operator.trim()));
    assert!(
        whole.stdout.contains("every job is in exactly one place"),
        "{}",
        whole.report()
    );
    assert!(!whole.stdout.contains("PROBLEM"), "{}", whole.report());
    let part = ask(None);
    assert!(
        part.stdout.contains("warning  server: "),
        "{}",
        part.report()
    );
    assert!(!part.stdout.contains("PROBLEM"), "{}", part.report());
}
