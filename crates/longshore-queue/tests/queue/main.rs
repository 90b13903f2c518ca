//! The queue against a store in memory and a scripted executor, on a paused clock: every fault
//! comes when a test says so, and every wait is exact.

mod support;

mod cancelling;
mod chaos;
mod closing;
mod draining;
mod finishing;
mod heartbeats;
mod housekeeping;
mod in_process;
mod launching;
mod looking;
mod managing;
mod output;
mod placing;
mod reconciling;
mod removing;
mod retrying;
mod sampling;
mod supervising;
mod undoing;
mod working;
