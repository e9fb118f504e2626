//! Small bodies that cross the component's boundary as a header, where the host has agreed to that.
//!
//! A body by itself crosses as a stream with a future behind it: a dozen calls. The embedded host says in the environment that it gives small bodies also as a header, and takes them so. Spin says nothing, and its
//! bodies are streams.

use std::sync::OnceLock;

/// The header. The host lets no client's in, and none out.
pub const HEADER: &str = "gatehouse-body";

/// By which the host says so.
const AGREEMENT: &str = "GATEHOUSE_INLINE_BODIES";

/// The largest body that is given to the host in this way, bytes. What is larger costs more as a header, which is looked at byte by byte.
const MAX: u64 = 8 << 10;

/// Whether the host takes and gives bodies in this way. Without its word the header is a client's own, and says nothing.
pub fn is_agreed() -> bool {
    static AGREED: OnceLock<bool> = OnceLock::new();
    *AGREED.get_or_init(|| std::env::var_os(AGREEMENT).is_some())
}

/// Whether a body of so many bytes may be given as a header.
pub fn may_hold(length: u64) -> bool {
    length <= MAX && is_agreed()
}

/// Whether a header can hold these bytes (RFC 9110 §5.5): no controls. Blanks at the ends are kept, as nothing here is parsed.
pub fn can_hold(bytes: &[u8]) -> bool {
    // Without a way out in between, so that many are compared at once.
    !bytes.iter().fold(false, |found, byte| found | (*byte < 0x20) | (*byte == 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_holds_text_on_one_line() {
        assert!(can_hold(br#"{"name":"Mandir"}"#) && can_hold("मंदिर".as_bytes()) && can_hold(b""));
        assert!(["a\nb", "a\rb", "\0", "\x7f", "a\tb"].iter().all(|text| !can_hold(text.as_bytes())));
    }
}
