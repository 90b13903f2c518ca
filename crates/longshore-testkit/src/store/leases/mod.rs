//! What workers do with jobs, one at a time; at the same time: [`super::contention`].

mod acquiring;
mod ahead;
mod finishing;
mod launching;
mod output;
mod recording;
mod stale_tokens;

pub use acquiring::*;
pub use ahead::*;
pub use finishing::*;
pub use launching::*;
pub use output::*;
pub use recording::*;
pub use stale_tokens::*;
