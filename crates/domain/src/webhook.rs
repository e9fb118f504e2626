//! Messages that another service signs and sends to us.

use strum::IntoStaticStr;

/// Why a message is not taken for the service's that it is said to be of; its word is the `reason` of the 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// There is no signature, or none that can be read.
    Unsigned,
    /// None of its signatures is by a key or secret that we know.
    BadSignature,
    /// It is right, but of another time.
    TooLate,
}
