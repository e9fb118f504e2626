//! What a ticket says, byte by byte (docs/reference/tickets.md). Its text is `GHT1.` and the base64url of these bytes, a dot, and the base64url of an
//! Ed25519 signature over all that stands before that dot. Signing and base64 are the component's.

/// What every ticket's text begins with: the format and its version.
pub const PREFIX: &str = "GHT1.";
/// The longest text that can be a ticket.
pub const MAX_TEXT: usize = 300;

const FIXED: usize = 28;
/// The longest slug of a site.
const MAX_SITE: usize = 64;

/// A ticket's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The first four bytes of the SHA-256 of the public key.
    pub key: [u8; 4],
    /// The booking's id, a UUID.
    pub booking: [u8; 16],
    /// When the slot begins, seconds since 1970.
    pub starts_s: u32,
    /// How long the slot is, minutes.
    pub minutes: u16,
    /// How many people.
    pub party: u8,
    /// The ticket's number: of several for one booking, the newest alone is good.
    pub number: u8,
    /// The site's slug.
    pub site: String,
}

impl Ticket {
    /// The bytes: key, booking, start, minutes, party, number, then the slug; numbers with their highest byte first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + self.site.len());
        bytes.extend(self.key);
        bytes.extend(self.booking);
        bytes.extend(self.starts_s.to_be_bytes());
        bytes.extend(self.minutes.to_be_bytes());
        bytes.extend([self.party, self.number]);
        bytes.extend(self.site.as_bytes());
        bytes
    }

    /// The opposite of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (booking, rest) = rest.split_first_chunk::<16>()?;
        let (starts, rest) = rest.split_first_chunk::<4>()?;
        let (minutes, rest) = rest.split_first_chunk::<2>()?;
        let ([party, number], site) = rest.split_first_chunk::<2>()?;
        let site = std::str::from_utf8(site).ok().filter(|site| (1..=MAX_SITE).contains(&site.len()))?;
        Some(Self {
            key: *key,
            booking: *booking,
            starts_s: u32::from_be_bytes(*starts),
            minutes: u16::from_be_bytes(*minutes),
            party: *party,
            number: *number,
            site: site.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let ticket = Ticket {
            key: [1, 2, 3, 4],
            booking: [7; 16],
            starts_s: 0x0102_0304,
            minutes: 60,
            party: 4,
            number: 1,
            site: "somnath".to_owned(),
        };
        let bytes = ticket.to_bytes();
        assert_eq!(bytes.len(), 35);
        assert_eq!(bytes[..4], [1, 2, 3, 4]);
        assert_eq!(bytes[20..28], [1, 2, 3, 4, 0, 60, 4, 1]);
        assert_eq!(&bytes[28..], b"somnath");
        assert_eq!(Ticket::from_bytes(&bytes), Some(ticket));
        assert_eq!(Ticket::from_bytes(&bytes[..28]), None);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Some(ticket) = Ticket::from_bytes(&bytes) {
                prop_assert_eq!(ticket.to_bytes(), bytes);
            }
        }
    }
}
