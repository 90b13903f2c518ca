//! A worker of one job, for the tests of this crate: something that can be killed.
//!
//! `longshore-process-worker NAME=VALUE SCRIPT` runs a shell script with one environment variable
//! under the process executor, prints its handle, then what it writes to standard output, and ends
//! with its code. As in the `longshore` binary, the shim is the same program again.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::StreamExt;
use longshore_core::executor::{ContainerIdentity, Ensured, Executor, LaunchRequest};
use longshore_core::output::Stream;
use longshore_core::spec::JobSpec;
use longshore_core::{AttemptNumber, InstanceId, JobId, Token};
use longshore_process::{ProcessExecutor, ShimCommand};

type AnyError = Box<dyn std::error::Error>;

/// The argument that makes a shim of this program.
const SHIM: &str = "process-shim";

fn main() -> Result<ExitCode, AnyError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (entry, script) = match args.as_slice() {
        [SHIM] => return Ok(longshore_process::shim::main()),
        [entry, script] => (entry, script),
        _ => return Err("usage: longshore-process-worker NAME=VALUE SCRIPT".into()),
    };
    let executor = ProcessExecutor::new(ShimCommand::of_this_program([SHIM]));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work(Arc::new(executor), entry, script))
}

async fn work(
    executor: Arc<dyn Executor>,
    entry: &str,
    script: &str,
) -> Result<ExitCode, AnyError> {
    let (name, value) = entry.split_once('=').ok_or("the variable has no value")?;
    let request = LaunchRequest {
        identity: ContainerIdentity {
            instance: InstanceId("worker".into()),
            job: JobId(1),
            attempt: AttemptNumber(1),
            token: Token(1),
        },
        spec: JobSpec::process(["sh", "-c", script]),
        env: [(name.to_owned(), value.into())].into(),
    };
    let Ensured::Created(handle) = executor.ensure(&request).await? else {
        return Err("there was a container already".into());
    };
    let mut watch = executor.watch(&handle, None).await?;
    executor.start(&handle).await?;
    println!("{handle}");
    while let Some(chunk) = watch.output.next().await {
        let chunk = chunk?;
        if chunk.stream == Stream::Stdout {
            io::stdout().write_all(&chunk.bytes)?;
            io::stdout().flush()?;
        }
    }
    let code = watch
        .end
        .await?
        .exit
        .shell_code()
        .and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
