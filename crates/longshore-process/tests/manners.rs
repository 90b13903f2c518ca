//! What a job finds and what it does not, and how the executor answers to what is wrong.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Capability, ExecutorError, Handle};
use longshore_core::output::ResumePoint;
use longshore_core::spec::JobSpec;
use longshore_testkit::executor::scene::{Scene, collect, in_time};

use support::{Processes, scene, shim_of};

fn scene_with_shim(program: &str) -> Scene {
    Scene::new(Box::new(Processes::under(program)))
}

async fn refused(scene: &Scene, spec: JobSpec) -> ExecutorError {
    let ensured = in_time("ensure", scene.executor.ensure(&scene.request(spec))).await;
    let error = ensured.expect_err("it can't be launched");
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert_eq!(scene.list().await, [], "nothing was made");
    error
}

#[tokio::test]
async fn nothing_of_the_workers_environment_leaks_into_a_job() {
    assert!(
        std::env::var("CARGO_MANIFEST_DIR").is_ok(),
        "there is something that could leak"
    );
    let scene = scene();
    let finished = scene.run(scene.shell("env")).await;
    let names: BTreeSet<&str> = finished
        .text()
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    let known = ["PATH", "HOME", "LANG", "TZ", "PWD", "SHLVL", "_", "OLDPWD"];
    let strange: Vec<_> = names
        .iter()
        .filter(|name| !known.contains(name) && !name.starts_with("LONGSHORE_"))
        .collect();
    assert_eq!(strange, [] as [&&str; 0]);
    assert!(
        names.contains("PATH") && names.contains("LONGSHORE_JOB_ID"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_shim_shows_which_job_it_has_but_no_environment() {
    let scene = scene();
    let launched = scene.prepare(scene.shell(":")).await;
    let shim = Path::new("/proc").join(shim_of(&launched.handle).to_string());
    let shown = fs::read_to_string(shim.join("cmdline")).expect("the shim lives");
    assert!(
        shown.contains(&launched.identity.container_name()),
        "{shown}"
    );
    assert_eq!(fs::read(shim.join("environ")).expect("the shim lives"), b"");
    scene.clear().await;
}

#[tokio::test]
async fn a_job_inherits_no_descriptor_of_the_worker_or_of_other_jobs() {
    let scene = scene();
    let other = scene.launch(scene.shell("exec sleep 1000")).await;
    let waiting = scene.prepare(scene.shell(":")).await;
    let finished = scene
        .run(scene.command(&["ls", "-l", "/proc/self/fd"]))
        .await;
    // What this very test was given by whoever started it can be handed on.
    let given = inheritable_descriptors();
    let inherited: BTreeSet<String> = finished
        .text()
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        .map(|(head, target)| (head.rsplit(' ').next().unwrap_or_default(), target))
        .filter(|(fd, target)| !["0", "1", "2"].contains(fd) && !target.starts_with("/proc/"))
        .map(|(_, target)| target.to_owned())
        .filter(|target| !given.contains(target))
        .collect();
    assert_eq!(inherited, BTreeSet::new());
    drop((other, waiting));
    scene.clear().await;
}

/// What the descriptors of this process are that its children inherit.
fn inheritable_descriptors() -> BTreeSet<String> {
    let folder = fs::read_dir("/proc/self/fd").expect("this machine has /proc");
    let numbers = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    numbers
        .filter(|number| {
            let info =
                fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
            let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
            flags.is_some_and(|flags| flags & 0o2_000_000 == 0) // O_CLOEXEC
        })
        .filter_map(|number| fs::read_link(format!("/proc/self/fd/{number}")).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn a_job_starts_with_no_signal_blocked_and_none_ignored() {
    let scene = scene();
    let finished = scene
        .run(scene.command(&["cat", "/proc/self/status"]))
        .await;
    let mask = |status: &str, name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect(name);
        u64::from_str_radix(line.trim(), 16).expect("a mask")
    };
    assert_eq!(mask(finished.text(), "SigBlk:"), 0);
    // What this test itself was told to ignore (`nohup`) stays so; PIPE is what std ignores, and
    // those above 31 are glibc's own business.
    let own = fs::read_to_string("/proc/self/status").expect("this machine has /proc");
    let (pipe, classic) = (1 << (13 - 1), (1 << 31) - 1);
    assert_eq!(
        mask(finished.text(), "SigIgn:") & classic,
        mask(&own, "SigIgn:") & classic & !pipe
    );
}

#[tokio::test]
async fn a_job_of_another_user_gets_a_home_of_that_user() {
    let scene = scene();
    if !scene.can(Capability::User) {
        eprintln!("not root: only the refusal is tested");
        let spec = JobSpec {
            user: Some("12345:54321".into()),
            ..scene.shell(":")
        };
        assert!(refused(&scene, spec).await.to_string().contains("user"));
        return;
    }
    for (user, home) in [("12345:54321", "/"), ("root:54321", "/root")] {
        let spec = JobSpec {
            user: Some(user.into()),
            ..scene.shell("echo $HOME")
        };
        assert_eq!(scene.run(spec).await.text(), format!("{home}\n"));
    }
    let spec = JobSpec {
        user: Some("12345:54321".into()),
        working_directory: Some("/proc/1/cwd".into()),
        ..scene.shell("pwd")
    };
    let error = scene.fail_to_start(spec).await;
    assert_eq!(
        error.class,
        ErrorClass::Permanent,
        "the user may not go there: {error}"
    );
}

#[tokio::test]
async fn a_working_directory_that_can_not_be_entered_is_a_permanent_error() {
    let scene = scene();
    for path in ["/no/such/directory", "/dev/null"] {
        let spec = JobSpec {
            working_directory: Some(path.into()),
            ..scene.shell("echo ran")
        };
        let error = scene.fail_to_start(spec).await;
        assert_eq!(error.class, ErrorClass::Permanent, "{error}");
        assert!(error.to_string().contains(path), "{error}");
        assert_eq!(scene.list().await, []);
    }
}

#[tokio::test]
async fn what_can_not_be_handed_to_a_program_is_refused_by_name() {
    let scene = scene();
    let nothing = JobSpec::default();
    assert!(
        refused(&scene, nothing)
            .await
            .to_string()
            .contains("command")
    );
    let nul = scene.command(&["echo", "a\0b"]);
    assert!(refused(&scene, nul).await.to_string().contains("command"));
    for (name, value) in [("A=B", "c"), ("", "c"), ("A\0", "c"), ("A", "b\0")] {
        let mut spec = scene.shell(":");
        spec.env.insert(name.into(), value.into());
        assert!(refused(&scene, spec).await.to_string().contains("env"));
    }
}

#[tokio::test]
async fn arguments_larger_than_the_system_takes_are_a_permanent_error() {
    let scene = scene();
    let huge = "x".repeat(8 << 20);
    let error = scene.fail_to_start(scene.command(&["echo", &huge])).await;
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
}

#[tokio::test]
async fn a_shim_that_is_none_is_an_error_that_says_so() {
    let scene = scene_with_shim("/no/such/shim");
    refused(&scene, scene.shell(":")).await;
    for program in ["/bin/true", "/bin/false"] {
        let scene = scene_with_shim(program);
        let request = scene.request(scene.shell(":"));
        let error = in_time("ensure", scene.executor.ensure(&request)).await;
        let error = error.expect_err("nobody answers");
        assert!(error.to_string().contains("shim"), "{error}");
        assert_eq!(scene.list().await, []);
    }
}

#[test]
fn a_shim_refuses_a_worker_of_another_version() {
    let (mut ours, theirs) = UnixStream::pair().expect("sockets can be made");
    let shim = Command::new(env!("CARGO_BIN_EXE_longshore-process-shim"))
        .stdin(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shim can be started");
    ours.write_all(b"{\"supervise\":{\"version\":\"0.0.0\"}}\n")
        .expect("it reads");
    let output = shim.wait_with_output().expect("it can be waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("0.0.0"), "{said}");
}

/// With a clock that jumps to the next deadline whenever nothing happens.
#[tokio::test(start_paused = true)]
async fn a_shim_that_never_answers_is_given_up() {
    let scene = scene_with_shim("/bin/cat");
    let request = scene.request(scene.shell(":"));
    let error = scene.executor.ensure(&request).await;
    let error = error.expect_err("nobody answers");
    assert_eq!(error.class, ErrorClass::Transient, "{error}");
    assert!(error.to_string().contains("no answer"), "{error}");
    assert_eq!(scene.list().await, []);
}

#[tokio::test]
async fn a_job_whose_output_nobody_pulls_waits_and_loses_nothing() {
    let scene = scene();
    let mut launched = scene.launch(scene.shell("seq 1 200000")).await;
    // A whole other job: time enough for this one to end if anything took its output.
    assert_eq!(
        scene.run(scene.shell("sleep 0.2; echo other")).await.text(),
        "other\n"
    );
    assert!(
        (&mut launched.end).now_or_never().is_none(),
        "it waits for its reader"
    );
    let (mut output, end) = (launched.output, launched.end);
    let (stdout, _) = in_time("the output", collect(&mut output)).await;
    assert!(stdout == numbers(200_000));
    in_time("the end", end).await.expect("it ended");
}

/// What `seq` writes.
fn numbers(last: u32) -> Vec<u8> {
    let lines: Vec<String> = (1..=last).map(|number| number.to_string()).collect();
    (lines.join("\n") + "\n").into_bytes()
}

#[tokio::test]
async fn a_later_watch_goes_on_where_the_earlier_one_was_dropped() {
    let scene = scene();
    let mut launched = scene.launch(scene.shell("seq 1 200000")).await;
    let mut whole = Vec::new();
    let first = in_time("a chunk", launched.output.next())
        .await
        .expect("there is output");
    whole.extend(first.expect("it can be read").bytes);
    let second = in_time("watch", scene.executor.watch(&launched.handle, None)).await;
    assert!(second.is_err(), "somebody watches");
    drop(launched.output);
    let resume = ResumePoint("1".into());
    let resumed = in_time(
        "watch",
        scene.executor.watch(&launched.handle, Some(&resume)),
    )
    .await;
    assert!(resumed.is_err(), "there are no resume points");
    let rest = scene
        .watch(launched.handle, launched.identity)
        .await
        .finish()
        .await;
    whole.extend(rest.stdout);
    assert!(whole == numbers(200_000));
}

#[tokio::test]
async fn output_ends_with_the_job_though_a_stranger_holds_the_pipe() {
    let scene = scene();
    let mut launched = scene
        .launch(scene.shell("echo $$; read line < /dev/zero"))
        .await;
    let chunk = in_time("the process id", launched.output.next()).await;
    let bytes = chunk
        .expect("there is output")
        .expect("it can be read")
        .bytes;
    let pid = String::from_utf8(bytes).expect("a number");
    // This test holds the writing end now, as a service that was sent it would.
    let path = format!("/proc/{}/fd/1", pid.trim());
    let held = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the pipe can be opened");
    scene.stop(&launched.handle, Duration::ZERO).await;
    assert_eq!(launched.finish().await.stdout, b"");
    drop(held);
}

#[tokio::test]
async fn an_end_by_a_real_time_signal_is_reported() {
    let scene = scene();
    // A child that ends so first must not hide the main process's own end.
    let finished = scene
        .run(scene.shell("(sh -c 'kill -40 $$' &); kill -35 $$; sleep 1000"))
        .await;
    assert_eq!(finished.ended.exit.signal, Some(35));
}

#[tokio::test]
async fn a_suspended_job_hears_the_term() {
    let scene = scene();
    let mut launched = scene
        .launch(scene.shell("echo ready; kill -STOP $$; sleep 1000"))
        .await;
    launched.await_output("ready\n").await;
    scene.stop(&launched.handle, Duration::from_mins(10)).await;
    assert_eq!(launched.finish().await.code(), 128 + 15);
}

#[tokio::test]
async fn handles_that_are_none_of_this_host_are_refused() {
    let scene = scene();
    let Handle(own) = scene.prepare(scene.shell(":")).await.handle;
    let parts: Vec<&str> = own.split(':').collect();
    let [boot, _, start, namespace] = parts[..] else {
        panic!("not as documented: {own}");
    };
    // A process id that is free here says nothing about another namespace.
    let (free, other) = (i32::MAX, format!("{namespace}1"));
    for handle in [
        String::new(),
        "container-1".to_owned(),
        format!("another-boot:1:{start}:{namespace}"),
        format!("{boot}:{free}:{start}:{other}"),
        format!("{boot}:{free}:{start}"),
        format!("{boot}:4294967295:{start}:{namespace}"),
    ] {
        let handle = Handle(handle);
        assert!(scene.executor.stop(&handle, Duration::ZERO).await.is_err());
        assert!(scene.executor.forget(&handle).await.is_err());
        assert!(scene.executor.start(&handle).await.is_err());
        assert!(scene.executor.watch(&handle, None).await.is_err());
        assert!(scene.executor.usage(&handle).await.is_err());
    }
    scene.clear().await;
}
