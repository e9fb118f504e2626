//! Drawings that were rendered: PNG takes long to make, and is often asked for again.

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::Bytes;
use kit::{Answer, Problem};

/// The most pictures that an instance keeps, and the most bytes of all of them.
const MAX_PICTURES: usize = 16;
const MAX_BYTES: usize = 1024 * 1024;

thread_local! {
    /// By the hash of the drawing, the last that was asked for first. It may vanish at any moment.
    static KEPT: RefCell<VecDeque<(String, Bytes)>> = const { RefCell::new(VecDeque::new()) };
}

/// The drawing with this hash as PNG.
pub fn png(hash: &str, svg: &str) -> Answer<Bytes> {
    if let Some(found) = KEPT.with_borrow_mut(|kept| find(kept, hash)) {
        return Ok(found);
    }
    let picture = Bytes::from(charts::png(svg).map_err(Problem::internal)?);
    KEPT.with_borrow_mut(|kept| keep(kept, hash, &picture));
    Ok(picture)
}

fn find(kept: &mut VecDeque<(String, Bytes)>, hash: &str) -> Option<Bytes> {
    let place = kept.iter().position(|(known, _)| known == hash)?;
    let entry = kept.remove(place)?;
    let picture = entry.1.clone();
    kept.push_front(entry);
    Some(picture)
}

fn keep(kept: &mut VecDeque<(String, Bytes)>, hash: &str, picture: &Bytes) {
    kept.push_front((hash.to_owned(), picture.clone()));
    while kept.len() > MAX_PICTURES || kept.iter().map(|(_, picture)| picture.len()).sum::<usize>() > MAX_BYTES {
        kept.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_least_recently_goes_first() {
        let mut kept = VecDeque::new();
        for number in 0..MAX_PICTURES {
            keep(&mut kept, &number.to_string(), &Bytes::from_static(b"png"));
        }
        assert!(find(&mut kept, "0").is_some());
        keep(&mut kept, "more", &Bytes::from_static(b"png"));
        assert!(find(&mut kept, "0").is_some() && find(&mut kept, "1").is_none() && kept.len() == MAX_PICTURES);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = VecDeque::new();
        let large = Bytes::from(vec![0; MAX_BYTES / 2]);
        for number in 0..3 {
            keep(&mut kept, &number.to_string(), &large);
        }
        assert_eq!(kept.len(), 2);
        keep(&mut kept, "too large", &Bytes::from(vec![0; MAX_BYTES + 1]));
        assert!(kept.is_empty());
    }
}
