//! Ids of the lines of the audit trail: UUIDv7 whose random bits hold the line's number, a counter of fixed length (RFC 9562 section 6.2,
//! method 1). So an id says where its line is without a column or an index for it, and ids are in the order of the lines.

use uuid::{Builder, Uuid};

/// Version and variant take their bits from what surrounds the number.
const NUMBER_MASK: u64 = (1 << 62) - 1;

/// The id of the line of this time (milliseconds) and number.
pub fn of(at: i64, number: i64) -> Uuid {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    Builder::from_unix_timestamp_millis(u64::try_from(at).unwrap_or_default(), &bytes).into_uuid()
}

/// The number in an id, in either case of its letters; none when it is the id of no line.
pub fn number(id: &str) -> Option<i64> {
    let uuid = Uuid::try_parse(id).ok()?;
    let (_, low) = uuid.as_u64_pair();
    i64::try_from(low & NUMBER_MASK).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_a_uuid_of_version_7_that_leads_back_to_its_line(at in 0_i64..(1 << 47), number in 1_i64..(1 << 61)) {
            let id = of(at, number);
            prop_assert_eq!(id.get_version_num(), 7);
            prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(super::number(&id.to_string()), Some(number));
            prop_assert_eq!(super::number(&id.to_string().to_uppercase()), Some(number));
        }

        #[test]
        fn ids_are_in_the_order_of_the_lines(at in 0_i64..(1 << 47), number in 1_i64..(1 << 60), later in 0_i64..1000, further in 1_i64..1000) {
            prop_assert!(of(at, number).to_string() < of(at, number + further).to_string());
            prop_assert!(of(at, number + further).to_string() < of(at + 1 + later, number).to_string());
        }
    }

    #[test]
    fn what_is_no_uuid_is_no_id() {
        for id in ["", "1", "nobody", "0192f0c1-7000-7000-8000-00000000000g"] {
            assert_eq!(number(id), None, "{id}");
        }
    }
}
