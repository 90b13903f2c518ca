//! docker's words on `run` and `submit`: the same flags mean the same thing.

use serde_json::{Value, json};

use super::support::Home;

/// Submits, and returns what the job says.
fn spec(home: &Home, args: &[&str]) -> Value {
    let job = home.submit(args);
    home.json(&["show", "--show-env", &job])["spec"].clone()
}

#[test]
fn an_image_leads_its_command_and_dashes_lead_a_local_one() {
    let home = Home::new();
    let both = |args: &[&str]| {
        let spec = spec(&home, args);
        (spec["image"].clone(), spec["command"].clone())
    };
    for (args, image, command) in [
        (
            &["alpine", "echo", "hello"][..],
            json!("alpine"),
            json!(["echo", "hello"]),
        ),
        (
            &["alpine", "--", "echo", "-n"],
            json!("alpine"),
            json!(["echo", "-n"]),
        ),
        (
            &["alpine", "ls", "--all", "-v"],
            json!("alpine"),
            json!(["ls", "--all", "-v"]),
        ),
        (&["-w", "/srv", "alpine"], json!("alpine"), Value::Null),
        (
            &["--image", "alpine", "--", "echo"],
            json!("alpine"),
            json!(["echo"]),
        ),
        (
            &["--", "echo", "hello"],
            Value::Null,
            json!(["echo", "hello"]),
        ),
        (
            &["--", "sh", "--", "x"],
            Value::Null,
            json!(["sh", "--", "x"]),
        ),
    ] {
        assert_eq!(both(args), (image, command), "{args:?}");
    }
}

#[test]
fn dockers_flags_mean_what_they_mean_to_docker() {
    let home = Home::new();
    let file = home.file(
        "vars.env",
        "# shared\nA=file\nB=\"quoted\"\nFROM_SHELL\nNOT_SET\n",
    );
    let mut command = home.command(&[
        "submit",
        "-e",
        "A=flag",
        "-e",
        "ALSO_FROM_SHELL",
        "--env-file",
        &file,
        "-v",
        "/srv:/data:ro",
        "-v",
        "cache:/cache",
        "--mount",
        "type=volume,source=more,target=/more,readonly",
        "--tmpfs",
        "/scratch",
        "-w",
        "/work",
        "-u",
        "1000:1000",
        "-m",
        "512m",
        "--cpus",
        "1.5",
        "--pids-limit",
        "100",
        "--name",
        "n",
        "--network",
        "backend",
        "--network-alias",
        "job",
        "--device",
        "/dev/fuse",
        "--device",
        "/dev/sda:/dev/disk:r",
        "--privileged",
        "--entrypoint",
        "/bin/sh",
        "--pull",
        "never",
        "-l",
        "team=search",
        "alpine",
        "-c",
        "true",
    ]);
    command.env("FROM_SHELL", "1").env("ALSO_FROM_SHELL", "2");
    let ran = super::support::Running::start(&mut command).finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let spec = home.json(&["show", "--show-env", "last"])["spec"].clone();
    assert_eq!(
        spec,
        json!({
            "name": "n", "labels": {"team": "search"}, "image": "alpine",
            "command": ["-c", "true"], "entrypoint": ["/bin/sh"],
            "env": {"A": "flag", "B": "\"quoted\"", "FROM_SHELL": "1", "ALSO_FROM_SHELL": "2"},
            "working_directory": "/work", "user": "1000:1000",
            "mounts": [
                {"type": "bind", "source": "/srv", "target": "/data", "read_only": true},
                {"type": "volume", "source": "cache", "target": "/cache"},
                {"type": "volume", "source": "more", "target": "/more", "read_only": true},
                {"type": "tmpfs", "target": "/scratch"},
            ],
            "networks": [{"name": "backend", "aliases": ["job"]}],
            "devices": [
                {"source": "/dev/fuse"},
                {"source": "/dev/sda", "target": "/dev/disk", "permissions": "r"},
            ],
            "privileged": true,
            "memory": 512 << 20, "cpus": 1.5, "pids_limit": 100, "priority": 50, "pull": "never",
        })
    );
}

#[test]
fn verbose_is_said_in_full_beside_an_image_and_in_short_before_the_command() {
    let home = Home::new();
    for args in [
        &["-v", "submit", "--", "true"][..],
        &["submit", "--verbose", "--", "true"],
        &["--verbose", "--verbose", "submit", "--", "true"],
    ] {
        assert_eq!(home.run(args).code, 0, "{args:?}");
    }
    // Before the command it is still the global flag, and no mount.
    assert_eq!(home.json(&["show", "last"])["spec"]["mounts"], Value::Null);
}
