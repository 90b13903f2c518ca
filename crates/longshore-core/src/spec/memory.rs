//! Sizes as people write them, in Docker's manner: `536870912`, `"512m"`, `"2GiB"`. Stored in bytes.

use crate::suggest::excerpt;

/// The most digits of a number with a unit, leading zeros too; the same in SQL.
pub(super) const MAX_DIGITS: usize = 20;

/// Not a size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a size: write bytes (536870912) or a text such as \"512m\" or \"2g\"")]
pub struct MemoryError(String);

/// Reads `"1048576"`, `"512m"`, `"512MB"`, `"2GiB"`: units b, k, m, g, t, all of them binary, as
/// Docker reads them.
pub fn parse_bytes(text: &str) -> Result<u64, MemoryError> {
    let refuse = || MemoryError(excerpt(text).into_owned());
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if digits > MAX_DIGITS {
        return Err(refuse());
    }
    let number: u64 = text[..digits].parse().map_err(|_| refuse())?;
    let shift = match text[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(refuse()),
    };
    // Bound by i64, which is what databases and engines count in.
    number
        .checked_mul(1 << shift)
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(refuse)
}

/// Writes a size as people read it: `512 MiB`, `1.5 GiB`, `12 B`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = bytes / (size / 10).max(1);
            return match tenths % 10 {
                0 => format!("{} {unit}", bytes / size),
                _ if tenths >= 1000 => format!("{} {unit}", bytes / size),
                tenth => format!("{}.{tenth} {unit}", bytes / size),
            };
        }
    }
    format!("{bytes} B")
}

pub(super) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected bytes (536870912) or a text such as \"512m\""
    )]
    enum Written {
        Bytes(u64),
        Text(String),
    }

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub fn serialize<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(bytes) => serializer.serialize_u64(*bytes),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        match Option::<Written>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Written::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Written::Text(text)) => super::parse_bytes(&text)
                .map(Some)
                .map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("1", 1),
            ("512m", 512 << 20),
            ("512MB", 512 << 20),
            ("2GiB", 2 << 30),
            ("3k", 3072),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "lots", "m", "-1", "1.5g", "1 g", "99999999999t"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_their_largest_unit() {
        for (bytes, text) in [
            (12, "12 B"),
            (1 << 20, "1 MiB"),
            (3 << 29, "1.5 GiB"),
            (512 << 20, "512 MiB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }
}
