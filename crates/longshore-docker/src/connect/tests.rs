//! The search by table, and the reading of failures that a test can't cause as root.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bollard::errors::Error as EngineError;

use super::{Address, Candidate, ConnectError, Problem, Source, Surroundings, Tried, search};

/// The hash of `far`, under which docker files that context.
const FAR: &str = "512eea46ceb3921dff4363c7069d89d4964d1d9fccaa0f411851a7aa60a5c868";

fn look(
    asked: Option<&str>,
    env: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Vec<String>, String> {
    let env: BTreeMap<_, _> = env
        .iter()
        .map(|&(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map_or(Err(io::ErrorKind::NotFound.into()), |(_, text)| {
            Ok((*text).to_owned())
        })
    };
    let around = Surroundings {
        asked,
        env: &env,
        home: Some(Path::new("/home/ann")),
        read: &read,
    };
    let shown = |candidate: Candidate| match candidate.address {
        Address::Tls {
            authority,
            certificates,
        } => format!("https://{authority} by {}", certificates.display()),
        address => address.to_string(),
    };
    match search(&around) {
        Ok(found) => Ok(found.into_iter().map(shown).collect()),
        Err(error) => Err(error.to_string()),
    }
}

fn meta(host: &str) -> String {
    format!(r#"{{"Name":"far","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#)
}

#[test]
fn what_was_asked_comes_before_the_environment_and_that_before_a_context() {
    let path = format!("/home/ann/.docker/contexts/meta/{FAR}/meta.json");
    let far = meta("tcp://far:1");
    let files = [
        (path.as_str(), far.as_str()),
        (
            "/home/ann/.docker/config.json",
            r#"{"currentContext":"far"}"#,
        ),
    ];
    let host = [
        ("DOCKER_HOST", "unix:///env.sock"),
        ("DOCKER_CONTEXT", "far"),
    ];
    for (asked, env, expected) in [
        (Some("unix:///asked.sock"), &host[..], "unix:///asked.sock"),
        (None, &host[..], "unix:///env.sock"),
        (Some(""), &host[..], "unix:///env.sock"),
        (None, &host[1..], "tcp://far:1"),
        (None, &[], "tcp://far:1"),
    ] {
        assert_eq!(look(asked, env, &files), Ok(vec![expected.to_owned()]));
    }
}

#[test]
fn without_a_choice_the_usual_sockets_are_tried_podmans_last() {
    let env = [("XDG_RUNTIME_DIR", "/run/user/7"), ("DOCKER_HOST", "")];
    let usual = [
        "unix:///var/run/docker.sock",
        "unix:///run/docker.sock",
        "unix:///run/user/7/docker.sock",
        "unix:///home/ann/.docker/run/docker.sock",
        "unix:///home/ann/.docker/desktop/docker.sock",
        "unix:///run/user/7/podman/podman.sock",
        "unix:///run/podman/podman.sock",
    ]
    .map(str::to_owned)
    .to_vec();
    assert_eq!(look(None, &env, &[]), Ok(usual.clone()));
    let config = [(
        "/home/ann/.docker/config.json",
        r#"{"currentContext":"default"}"#,
    )];
    assert_eq!(look(None, &env, &config), Ok(usual));
}

#[test]
fn every_shape_of_address_is_read_or_refused_with_what_to_write() {
    for (address, expected) in [
        ("unix:///a.sock", "unix:///a.sock"),
        ("/a.sock", "unix:///a.sock"),
        ("tcp://far", "tcp://far:2375"),
        ("http://far:80/", "tcp://far:80"),
        ("tcp://[::1]:9", "tcp://[::1]:9"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("https://far", "https://far:2376 by /home/ann/.docker"),
    ] {
        assert_eq!(look(Some(address), &[], &[]), Ok(vec![expected.to_owned()]));
    }
    for address in [
        "far",
        "tcp://",
        "tcp://:1",
        "tcp://far:x",
        "tcp://a@b:1",
        "tcp://far/path",
        "unix://a",
        "npipe:////./pipe/docker",
        "ssh://ann@far",
    ] {
        let error = look(Some(address), &[], &[]).expect_err(address);
        assert!(
            error.contains(address) && error.contains("asked for"),
            "{error}"
        );
    }
    let ssh = look(Some("ssh://ann@far"), &[], &[]).expect_err("ssh is not spoken");
    assert!(ssh.contains("ssh -N -L"), "{ssh}");
}

#[test]
fn tls_is_turned_on_by_its_variables_and_by_a_contexts_certificates() {
    let verify = ("DOCKER_TLS_VERIFY", "1");
    let host = ("DOCKER_HOST", "tcp://far");
    for (env, expected) in [
        (vec![host], "tcp://far:2375"),
        (vec![host, ("DOCKER_CERT_PATH", "/certs")], "tcp://far:2375"),
        (vec![host, verify], "https://far:2376 by /home/ann/.docker"),
        (
            vec![host, verify, ("DOCKER_CONFIG", "/cfg")],
            "https://far:2376 by /cfg",
        ),
        (
            vec![host, verify, ("DOCKER_CERT_PATH", "/certs")],
            "https://far:2376 by /certs",
        ),
    ] {
        assert_eq!(look(None, &env, &[]), Ok(vec![expected.to_owned()]));
    }
    let path = format!("/home/ann/.docker/contexts/meta/{FAR}/meta.json");
    let tls = format!("/home/ann/.docker/contexts/tls/{FAR}/docker");
    let ca = format!("{tls}/ca.pem");
    let far = meta("tcp://far:1");
    let files = [
        (path.as_str(), far.as_str()),
        (ca.as_str(), "a certificate"),
    ];
    let found = look(None, &[("DOCKER_CONTEXT", "far")], &files);
    assert_eq!(found, Ok(vec![format!("https://far:1 by {tls}")]));
}

#[test]
fn a_context_that_cannot_be_used_is_an_error_and_never_another_engine() {
    let path = format!("/home/ann/.docker/contexts/meta/{FAR}/meta.json");
    let skips = r#"{"Endpoints":{"docker":{"Host":"tcp://x","SkipTLSVerify":true}}}"#;
    let other = r#"{"Endpoints":{"kubernetes":{"Host":"x"}}}"#;
    for (text, expected) in [
        (None, "there is none of that name"),
        (Some(skips), "skips the verification"),
        (Some(other), "names no Docker endpoint"),
        (Some("{"), "meta.json"),
    ] {
        let files: Vec<_> = text.map(|text| (path.as_str(), text)).into_iter().collect();
        let error = look(None, &[("DOCKER_CONTEXT", "far")], &files).expect_err(expected);
        assert!(
            error.contains("`far`") && error.contains(expected),
            "{error}"
        );
    }
    let broken = [("/home/ann/.docker/config.json", r#"{"auths": "hunter2"#)];
    let error = look(None, &[], &broken).expect_err("the file is broken");
    assert!(
        error.contains("config.json") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn each_failure_says_what_to_do_and_whether_it_may_pass() {
    let socket = || Address::Unix(PathBuf::from("/var/run/docker.sock"));
    for (kind, transient, advice) in [
        (io::ErrorKind::PermissionDenied, false, "group `docker`"),
        (
            io::ErrorKind::ConnectionRefused,
            true,
            "systemctl start docker",
        ),
        (io::ErrorKind::NotFound, true, "systemctl start docker"),
        (io::ErrorKind::TimedOut, true, "hangs"),
    ] {
        let problem = Problem::of(&socket(), &EngineError::IOError { err: kind.into() });
        let candidate = Candidate {
            address: socket(),
            source: Source::Usual,
        };
        let error = ConnectError::NoneAnswered(vec![Tried { candidate, problem }]);
        let text = error.to_string();
        assert!(
            text.contains("/var/run/docker.sock") && text.contains(advice),
            "{text}"
        );
        assert_eq!(error.is_transient(), transient, "{text}");
    }
}
