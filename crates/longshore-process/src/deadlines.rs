//! How long the worker waits for a shim before it gives up. Generous: a machine under load is not
//! an error, and nothing is retried sooner because of a shorter bound.

use std::time::Duration;

/// From spawning a shim to its first word.
pub const READY: Duration = Duration::from_secs(30);

/// From the start message to the word that the job's program runs, or why it can't. Covers a
/// program on a slow network file system.
pub const START: Duration = Duration::from_secs(30);

/// For a message to the shim, which reads all the time.
pub const SEND: Duration = Duration::from_secs(30);

/// From KILL to the end of every process of a job. A process inside the kernel (a dead network
/// file system) can take longer; then it still lives, and saying so is all that can be done.
pub const KILL: Duration = Duration::from_secs(30);

/// For one walk through `/proc`, which a process inside the kernel can hold up.
pub const WALK: Duration = Duration::from_secs(30);

/// For looking up a user, which may ask the network.
pub const LOOKUP: Duration = Duration::from_secs(30);

/// From the end of the control channel to the end of the shim itself.
pub const SHIM_EXIT: Duration = Duration::from_secs(30);

/// How often a process that is not our child is looked at while waiting for its end.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);
