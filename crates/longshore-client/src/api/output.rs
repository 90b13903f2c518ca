//! Stored output.

use longshore_core::output::Stream;
use longshore_core::store::OutputCursor;
use longshore_core::{AttemptNumber, State, Timestamp, Token};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which output to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct OutputQuery {
    /// Of which attempt; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptNumber>,
    /// After the chunk of this token (with `after_seq`); from the beginning when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_token: Option<Token>,
    /// See `after_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<i32>,
    /// About this many bytes at most, 1 to 4194304; 1 MiB when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 4_194_304)]
    pub max_bytes: Option<u32>,
}

/// A page of an attempt's output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutputPageBody {
    /// Of which attempt; none if the job never had one.
    pub attempt: Option<AttemptNumber>,
    /// The chunks, in order.
    pub chunks: Vec<OutputChunk>,
    /// Whether the attempt had ended, and nothing follows these chunks.
    pub is_end: bool,
    /// Where the job stands.
    pub state: State,
}

/// Some stored output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutputChunk {
    /// Its place; with the last one's the next page is asked for.
    #[serde(flatten)]
    pub cursor: OutputCursor,
    /// Which output.
    pub stream: Stream,
    /// The offset of its first byte in everything that the stream carried; a jump means that the cap left
    /// something out.
    pub position: u64,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The bytes, in base64 (RFC 4648, with padding).
    #[schema(content_encoding = "base64")]
    pub bytes: String,
}

/// An event of a job's output.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum OutputEvent {
    /// Another attempt begins.
    Attempt {
        /// Counting from 1.
        attempt: AttemptNumber,
    },
    /// What an attempt wrote.
    Output {
        /// Which attempt.
        attempt: AttemptNumber,
        /// Which output.
        stream: Stream,
        /// The offset of its first byte in everything that the stream carried.
        position: u64,
        /// When it was stored.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
        /// What was written, if it is UTF-8.
        text: Option<String>,
        /// What was written, in base64, if it is not.
        base64: Option<String>,
    },
    /// The cap left something out here.
    Gap {
        /// Which attempt.
        attempt: AttemptNumber,
        /// Which output.
        stream: Stream,
        /// The offset of the first byte that is missing.
        position: u64,
        /// How many bytes are missing.
        bytes: u64,
    },
    /// The job has ended; nothing follows.
    End {
        /// How.
        state: State,
    },
}
