//! Devices of the host in a container.

use serde::{Deserialize, Serialize};

use super::checks::{FieldError, absolute};

/// What a container may do with a device unless the job says otherwise: read, write, and make its
/// node (`mknod`).
const ALL_PERMISSIONS: &str = "rwm";

/// A device of the host; only from the operator's allow-list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Device {
    /// The host's path of it, absolute.
    pub source: String,
    /// Its absolute path in the container; the same as on the host when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What may be done with it: some of `r`, `w` and `m`; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<String>,
}

impl Device {
    /// Its path in the container.
    pub fn path_inside(&self) -> &str {
        self.target.as_deref().unwrap_or(&self.source)
    }

    /// What may be done with it.
    pub fn granted(&self) -> &str {
        self.permissions.as_deref().unwrap_or(ALL_PERMISSIONS)
    }

    pub(super) fn check(&self, index: usize) -> Result<(), FieldError> {
        absolute(&format!("devices[{index}].source"), &self.source)?;
        if let Some(target) = &self.target {
            absolute(&format!("devices[{index}].target"), target)?;
        }
        match &self.permissions {
            Some(permissions) if !is_permissions(permissions) => Err(FieldError::new(
                format!("devices[{index}].permissions"),
                "must be letters of \"rwm\" (read, write, mknod), at least one, none twice",
            )),
            _ => Ok(()),
        }
    }
}

/// Whether a text says what may be done with a device, such as `r` or `rwm`.
pub fn is_permissions(text: &str) -> bool {
    let mut left: Vec<char> = ALL_PERMISSIONS.chars().collect();
    let mut each_once = |letter| match left.iter().position(|l| *l == letter) {
        Some(place) => {
            left.remove(place);
            true
        }
        None => false,
    };
    !text.is_empty() && text.chars().all(&mut each_once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_each_of_three_letters_once_in_any_order() {
        for text in ["r", "w", "m", "rw", "mr", "rwm", "mwr"] {
            assert!(is_permissions(text), "{text}");
        }
        for text in ["", "x", "rr", "rwmr", "R", "r w", "rw\n"] {
            assert!(!is_permissions(text), "{text}");
        }
    }

    #[test]
    fn a_device_is_where_it_is_on_the_host_with_everything_allowed_unless_said_otherwise() {
        let plain = Device {
            source: "/dev/fuse".to_owned(),
            target: None,
            permissions: None,
        };
        assert_eq!((plain.path_inside(), plain.granted()), ("/dev/fuse", "rwm"));
        let renamed = Device {
            target: Some("/dev/other".to_owned()),
            permissions: Some("r".to_owned()),
            ..plain
        };
        assert_eq!(
            (renamed.path_inside(), renamed.granted()),
            ("/dev/other", "r")
        );
    }
}
