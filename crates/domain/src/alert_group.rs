//! Alerts that machines raise, of one kind and site within a short while, are told together: in one message that says how many
//! (docs/reference/dispatch.md#storms).

use crate::time::{MINUTE_MS, SECOND_MS};

/// After it was first told, a group holds what joins it for so long, milliseconds, and then tells it in one message.
pub const FIRST_HOLD_MS: i64 = 5 * SECOND_MS;
/// The longest such pause; it doubles with each message.
pub const LONGEST_HOLD_MS: i64 = 30 * SECOND_MS;
/// So long after its last message, milliseconds, a group takes no more alerts: the next one begins another group.
pub const OPEN_MS: i64 = MINUTE_MS;
/// The end of a group is told when all of it is over, or so long after its first alert ended, milliseconds.
pub const RECOVERY_HOLD_MS: i64 = 2 * MINUTE_MS;
/// How many alerts of a group a webhook names one by one.
pub const NAMED: usize = 500;

/// How long a group that has sent so many messages waits for the next one, milliseconds.
pub fn hold_ms(messages: i64) -> i64 {
    let doublings = messages.saturating_sub(1).clamp(0, 10);
    (FIRST_HOLD_MS << doublings).min(LONGEST_HOLD_MS)
}

/// What a group tells: how many, of what, where, and which was the first.
///
/// `site` is the site's name, `first` the first alert's subject, or its text where it has none.
pub fn trouble(alert_type: &str, open: usize, site: Option<&str>, first: &str) -> String {
    let of = of(site);
    match alert_type {
        "device_offline" => format!("{open} devices{of} are offline, first {first}"),
        "voltage_out_of_range" => format!("{open} devices{of} measure a voltage out of range, first {first}"),
        "crowd_critical" => format!("{open} zones{of} are critically crowded, first {first}"),
        "refund_failed" => format!("{open} refunds{of} failed, first {first}"),
        other => format!("{open} alerts{of}, {}, first {first}", other.replace('_', " ")),
    }
}

/// What the end of a group tells: how many of all are over, and the first that is not.
pub fn recovery(alert_type: &str, total: usize, site: Option<&str>, first_open: Option<(usize, &str)>) -> String {
    let what = match alert_type {
        "device_offline" => "devices",
        "voltage_out_of_range" => "devices with a voltage out of range",
        "crowd_critical" => "critically crowded zones",
        "refund_failed" => "failed refunds",
        other => return rest(format!("alerts{}, {}", of(site), other.replace('_', " ")), total, first_open, "over"),
    };
    rest(format!("{what}{}", of(site)), total, first_open, if alert_type == "device_offline" { "back" } else { "over" })
}

fn rest(what: String, total: usize, first_open: Option<(usize, &str)>, over: &str) -> String {
    match first_open {
        None => format!("Over: all {total} {what} are {over}"),
        Some((open, first)) => {
            format!("{} of {total} {what} are {over}, {open} not yet, first {first}", total.saturating_sub(open))
        }
    }
}

fn of(site: Option<&str>) -> String {
    site.map(|site| format!(" of {site}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_storm_is_one_sentence() {
        let text = trouble("device_offline", 180, Some("City Centre"), "PARK-B1-S001");
        assert_eq!(text, "180 devices of City Centre are offline, first PARK-B1-S001");
        assert_eq!(trouble("door_open", 2, None, "a gate"), "2 alerts, door open, first a gate");
    }

    #[test]
    fn its_end_says_what_is_left() {
        assert_eq!(recovery("device_offline", 180, Some("City Centre"), None), "Over: all 180 devices of City Centre are back");
        let left = recovery("device_offline", 180, Some("City Centre"), Some((3, "PARK-B1-S009")));
        assert_eq!(left, "177 of 180 devices of City Centre are back, 3 not yet, first PARK-B1-S009");
        assert_eq!(recovery("door_open", 2, None, None), "Over: all 2 alerts, door open are over");
    }

    proptest! {
        #[test]
        fn a_group_that_goes_on_is_told_at_a_bounded_rate(messages: i64) {
            prop_assert!((FIRST_HOLD_MS..=LONGEST_HOLD_MS).contains(&hold_ms(messages)));
            prop_assert!(hold_ms(messages) <= hold_ms(messages.saturating_add(1)));
            prop_assert!(LONGEST_HOLD_MS < OPEN_MS);
        }
    }
}
