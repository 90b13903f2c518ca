//! What workers do with jobs, one at a time; at the same time: [`super::contention`].

mod acquiring;
mod finishing;
mod launching;
mod output;
mod recording;
mod stale_tokens;

pub use acquiring::*;
pub use finishing::*;
pub use launching::*;
pub use output::*;
pub use recording::*;
pub use stale_tokens::*;
