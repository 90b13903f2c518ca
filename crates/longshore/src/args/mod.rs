//! Pieces of command lines that several commands share.

mod bound;
mod devices;
mod engines;
mod env_file;
mod filter;
mod hints;
mod job;
mod label;
mod like;
mod moment;
mod mounts;
mod networks;
mod overlay;
mod pair;
mod read;
mod spec;
mod spec_file;
mod targets;
mod values;
mod words;

pub use bound::parse_bound;
pub use engines::EngineArgs;
pub use filter::{JobFilterArgs, state_parser};
pub use hints::hint_for;
pub use job::JobRef;
pub use label::LabelArg;
pub use moment::Moment;
pub use overlay::Overlay;
pub use pair::Pair;
pub use spec::SpecArgs;
pub use spec_file::read_specs;
pub use targets::Targets;
pub use values::priority_of;
