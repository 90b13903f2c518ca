//! Pieces of command lines that several commands share.

mod job;
mod pair;
mod spec;
mod spec_file;

pub use job::JobRef;
pub use pair::Pair;
pub use spec::SpecArgs;
pub use spec_file::read_specs;
