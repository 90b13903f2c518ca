//! Text from a file or from stdin, bounded.

use std::io::Read;
use std::path::Path;

/// Whether stdin is meant.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// What errors call it.
pub fn name_of(path: &Path) -> String {
    if is_stdin(path) {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The whole text; at most this many bytes. The error says what is wrong, without the file's name.
pub fn text_of(path: &Path, max_bytes: u64) -> Result<String, String> {
    let mut reader: Box<dyn Read> = if is_stdin(path) {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(|e| format!("can't be opened: {e}"))?)
    };
    let mut bytes = Vec::new();
    reader
        .by_ref()
        // One byte more than is allowed tells a text that is too large.
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("can't be read: {e}"))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("is larger than {max_bytes} bytes: split it"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n');
        format!("line {}: is not UTF-8 text", line.count() + 1)
    })
}
