//! The versions that the look-up of a caller brings along, so that a read which looks up its caller and asks for what is kept is one statement
//! and not two.
//!
//! Requests may be at work side by side in an instance. What one of them has read since the last of them began is as new as the beginning of
//! each; so what was noted is forgotten whenever a request begins, and whenever one changes something.

use std::cell::RefCell;

use super::Topic;

thread_local! {
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A column: all topics with their versions.
pub(crate) const ALL: &str = "(select group_concat(topic || '=' || version, ' ') from versions)";

/// Notes what the column [`ALL`] held.
pub(crate) fn note(versions: Option<String>) {
    NOTED.set(versions);
}

/// Forgets what was noted.
pub(crate) fn forget() {
    NOTED.set(None);
}

/// The versions of these topics as [`versions!`](crate::versions) gives them; none when that of any is not known.
pub(super) fn of(topics: &[Topic]) -> Option<String> {
    NOTED.with_borrow(|noted| {
        let noted = noted.as_deref()?;
        let mut versions = String::with_capacity(topics.len() * 21);
        for topic in topics {
            let mut each = noted.split(' ').filter_map(|one| one.split_once('='));
            let (_, version) = each.find(|(name, _)| *name == topic.name())?;
            if !versions.is_empty() {
                versions.push(' ');
            }
            versions.push_str(version);
        }
        Some(versions)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_topics_that_are_asked_for() {
        assert_eq!(of(&[Topic::Alerts]), None);
        note(Some("alerts=-12 crowd=7 places=0".to_owned()));
        assert_eq!(of(&[Topic::Alerts]).unwrap(), "-12");
        assert_eq!(of(&[Topic::Places, Topic::Alerts]).unwrap(), "0 -12");
        assert_eq!(of(&[Topic::Crowd, Topic::Slots]), None, "a topic that the schema does not know");
        forget();
        assert_eq!(of(&[Topic::Alerts]), None);
    }
}
