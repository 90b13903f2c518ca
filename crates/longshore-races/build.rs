//! Prepares the one source that names `std`'s lock and clock.
//!
//! A lock of `std` blocks the thread, and all tasks of an execution share one: whoever waited for it
//! would wait for ever. So `permits.rs` is compiled with two of its imports exchanged, and nothing
//! else. The build fails when they are not found, each once.

use std::path::Path;
use std::{env, fs};

const SOURCE: &str = "../longshore-docker/src/permits.rs";

/// What stands there, and what stands for it here.
const EXCHANGED: [(&str, &str); 2] = [
    (
        "use std::sync::{Arc, Mutex, PoisonError};",
        "use shuttle::sync::{Arc, Mutex, PoisonError};",
    ),
    (
        "use std::time::{Duration, Instant};",
        "use std::time::Duration; use tokio::time::Instant;",
    ),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SOURCE}");
    let mut text = fs::read_to_string(SOURCE).expect("the permit pool's source is in this tree");
    for (theirs, ours) in EXCHANGED {
        assert_eq!(
            text.matches(theirs).count(),
            1,
            "{SOURCE} has other imports than `{theirs}`: say in build.rs what stands for them"
        );
        text = text.replace(theirs, ours);
    }
    // An included file has no module of its own to document.
    let text = text.replace("//!", "//");
    let folder = env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    fs::write(Path::new(&folder).join("permits.rs"), text).expect("cargo's folder can be written");
}
