//! Cameras: where they may be reached, and who may do what with them (docs/reference/cameras.md).

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

pub mod address;
pub mod hours;
pub mod presence;
pub mod schedule;

/// Which of a camera's two streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CctvQuality)]
pub enum Quality {
    /// The large one, which is recorded.
    #[default]
    Main,
    /// The small one.
    Sub,
}

/// What a person may do with a camera. Declared from the least to the most: each holds the rights of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CctvLevel)]
pub enum Level {
    /// To look: live pictures, snapshots, recordings.
    View,
    /// To start and stop recordings too.
    Control,
    /// To test the connection and to protect and transfer recordings too.
    Admin,
}

/// Why there is no picture of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CctvFailure)]
pub enum Failure {
    /// The address is not one that the operator of this installation has allowed.
    NotAllowed,
    /// There is no host of this name, or no way to it.
    WrongHost,
    /// Nothing listens there, or it closed the connection.
    Refused,
    /// It took too long.
    Slow,
    /// Name and password are missing or wrong.
    Unauthorised,
    /// It points to another address; that is not followed.
    Redirected,
    /// It has nothing at this path, or answered with an error.
    Answered,
    /// It answered with something else than a picture.
    NotAPicture,
}

impl Failure {
    /// In a sentence, which names neither the address nor a credential.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotAllowed => "the address is not one that this installation may call: camera_networks or allowed_outbound_hosts",
            Self::WrongHost => "there is no such host, or no way to it",
            Self::Refused => "nothing listens at this address, or it closed the connection",
            Self::Slow => "the camera took too long",
            Self::Unauthorised => "the camera asks for another name or password",
            Self::Redirected => "the camera points to another address, which is not followed",
            Self::Answered => "the camera has nothing at this path, or answered with an error",
            Self::NotAPicture => "what the camera sent is not a picture",
        }
    }
}

/// Words that no camera's code may be, in any case of their letters: they stand beside codes in paths.
pub const RESERVED_IDS: [&str; 1] = ["register"];

/// Whether no camera's code may be this.
pub fn is_reserved_id(id: &str) -> bool {
    RESERVED_IDS.iter().any(|word| word.eq_ignore_ascii_case(id))
}

/// What a picture's first bytes say that it is: `image/jpeg` or `image/png`.
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_holds_those_before_it() {
        assert!(Level::Admin > Level::Control && Level::Control > Level::View);
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(picture_type(&[0xff, 0xd8, 0xff, 0xe0, 0]), Some("image/jpeg"));
        assert_eq!(picture_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        for other in [&b""[..], b"<html>", b"\xff\xd8", b"GIF89a"] {
            assert_eq!(picture_type(other), None);
        }
    }
}
