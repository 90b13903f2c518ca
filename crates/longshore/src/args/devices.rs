//! docker's way to say a device: `--device SOURCE[:TARGET][:PERMISSIONS]`, as the JSON of a device.

use longshore_core::spec::is_permissions;
use serde_json::{Map, Value, json};

use crate::exit::Refused;

/// One device. As with docker, a second part that is no path says what may be done with it.
pub fn device(text: &str) -> Result<Value, Refused> {
    let refuse = |problem: &str| {
        Refused::usage(format!("--device {text}: {problem}")).hint(
            "write --device /dev/fuse, or --device /dev/of-the-host:/dev/of-the-job:rwm, with some of \
             r (read), w (write) and m (mknod)",
        )
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, None, None),
        [source, permissions] if is_permissions(permissions) => (source, None, Some(permissions)),
        [source, target] => (source, Some(target), None),
        [source, target, permissions] => (source, Some(target), Some(permissions)),
        _ => return Err(refuse("has more than three parts")),
    };
    for path in [Some(source), target].into_iter().flatten() {
        if !path.starts_with('/') {
            return Err(refuse(&format!("{path:?} is no path that starts with /")));
        }
    }
    if let Some(permissions) = permissions.filter(|text| !is_permissions(text)) {
        return Err(refuse(&format!("{permissions:?} is none of r, w and m")));
    }
    let mut fields = Map::from_iter([("source".to_owned(), json!(source))]);
    for (field, value) in [("target", target), ("permissions", permissions)] {
        if let Some(value) = value {
            fields.insert(field.to_owned(), json!(value));
        }
    }
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("/dev/fuse", json!({"source": "/dev/fuse"})),
            (
                "/dev/sda:r",
                json!({"source": "/dev/sda", "permissions": "r"}),
            ),
            (
                "/dev/sda:/dev/xvdc",
                json!({"source": "/dev/sda", "target": "/dev/xvdc"}),
            ),
            (
                "/dev/sda:/dev/xvdc:rw",
                json!({"source": "/dev/sda", "target": "/dev/xvdc", "permissions": "rw"}),
            ),
        ] {
            assert_eq!(device(text).expect(text), expected);
        }
    }

    #[test]
    fn what_is_no_device_is_refused_with_the_flag_and_what_to_write() {
        for text in [
            "",
            "fuse",
            "/dev/fuse:",
            "/dev/fuse:rx",
            "/dev/fuse:/dev/fuse:",
            "/dev/fuse:/dev/fuse:rr",
            "/dev/fuse:fuse:r",
            "/dev/a:/dev/b:r:w",
            "vendor.example/gpu=all",
        ] {
            let refused = device(text).expect_err(text).to_string();
            assert!(
                refused.starts_with(&format!("--device {text}: ")),
                "{refused}"
            );
        }
    }
}
