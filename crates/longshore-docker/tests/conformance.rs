//! The Docker executor does what the executor suite asks for.

mod support;

longshore_testkit::executor_conformance!(perhaps crate::support::Containers::found());
