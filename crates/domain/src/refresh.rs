//! Refresh tokens: rotation, reuse, and the window for a lost answer (docs/reference/rules.md, RFC 9700 section 4.14.2).

use crate::time::{SECOND_MS, is_ahead};

/// How long after its use a refresh token may be used once more, for an answer that was lost: 10 s, in milliseconds.
pub const REUSE_WINDOW_MS: i64 = 10 * SECOND_MS;

/// What is to be done with a refresh token that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshDecision {
    /// First use: mark it used and give a new pair.
    Rotate,
    /// Used within the last 10 s: the answer may have been lost; give a pair of the same family again.
    ReissueWithinWindow,
    /// Used before: someone has a copy. Revoke the whole family and refuse.
    RevokeFamily,
    /// Too old: refuse.
    Expired,
    /// Its family is revoked: refuse.
    Revoked,
}

/// Decides on a refresh token by when it was first used, whether its family is revoked, and when it expires (times in
/// milliseconds).
///
/// Reuse counts even of an expired token: the copy is proof enough, and the family's younger tokens may live.
pub const fn decide(used_at: Option<i64>, revoked: bool, expires_at: i64, now: i64) -> RefreshDecision {
    if revoked {
        return RefreshDecision::Revoked;
    }
    match used_at {
        // One whose use lies far ahead was used before the clock was set back: nobody knows how long ago.
        Some(used) if now.saturating_sub(used) > REUSE_WINDOW_MS || is_ahead(used, now) => RefreshDecision::RevokeFamily,
        _ if now >= expires_at => RefreshDecision::Expired,
        Some(_) => RefreshDecision::ReissueWithinWindow,
        None => RefreshDecision::Rotate,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::RefreshDecision::{Expired, ReissueWithinWindow, RevokeFamily, Revoked, Rotate};
    use super::*;

    #[test]
    fn each_case_has_its_answer() {
        let end = 1_000_000;
        assert_eq!(decide(None, false, end, 5), Rotate);
        assert_eq!(decide(None, false, end, end), Expired);
        assert_eq!(decide(None, true, end, 5), Revoked);
        assert_eq!(decide(Some(5), true, end, 6), Revoked);
        assert_eq!(decide(Some(5), false, end, 10_005), ReissueWithinWindow);
        assert_eq!(decide(Some(5), false, end, 10_006), RevokeFamily);
        assert_eq!(decide(Some(end - 1), false, end, end), Expired);
        assert_eq!(decide(Some(5), false, end, end + 1), RevokeFamily);
        assert_eq!(decide(Some(700_000), false, end, 10_000), RevokeFamily, "used before the clock was set back");
    }

    proptest! {
        #[test]
        fn only_a_live_token_is_answered(used: Option<i64>, revoked: bool, expires_at: i64, now: i64) {
            if matches!(decide(used, revoked, expires_at, now), Rotate | ReissueWithinWindow) {
                prop_assert!(!revoked && now < expires_at);
            }
        }
    }
}
