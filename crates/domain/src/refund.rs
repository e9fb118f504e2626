//! What a driver gets back (docs/reference/reservations.md).

use serde::{Deserialize, Serialize};

use crate::currency;
use crate::time::MINUTE_MS;

/// The longest time before the start that a rule may ask for, minutes.
pub const MAX_NOTICE_MINUTES: i64 = 30 * 24 * 60;

/// A site's rule for who cancels, in `sites.tariff` under `refund`. The earlier, the more: the percentages never rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefundRule {
    /// All of it until so many minutes before the start.
    pub full_until_minutes: i64,
    /// Percent of it from then until the start.
    pub late_percent: i64,
    /// Percent of it after the start.
    pub started_percent: i64,
}

impl Default for RefundRule {
    fn default() -> Self {
        Self { full_until_minutes: 60, late_percent: 50, started_percent: 0 }
    }
}

impl RefundRule {
    /// The share of what was paid, percent, that is given back for a reservation that starts at `start` when it is given back at `now`.
    pub fn percent(&self, start: i64, now: i64) -> i64 {
        let notice = self.full_until_minutes.clamp(0, MAX_NOTICE_MINUTES) * MINUTE_MS;
        let late = self.late_percent.clamp(0, 100);
        if now <= start.saturating_sub(notice) {
            100
        } else if now < start {
            late
        } else {
            self.started_percent.clamp(0, late)
        }
    }

    /// What is given back of `paid`, minor units of `currency`. Rounded half up to an amount that the currency has; from 0 to `paid`,
    /// whatever the rule says.
    pub fn refund(&self, paid: i64, currency: &str, start: i64, now: i64) -> i64 {
        let (paid, percent) = (paid.max(0), self.percent(start, now));
        currency::divide_rounded(i128::from(paid) * i128::from(percent), 100, currency::step(currency)).min(paid)
    }
}

/// A refund by when it can be made, minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// What goes back at once.
    pub at_once: i64,
    /// What its payer has back from a bank already, and gets from the site only if that must give it up.
    pub from_bank: i64,
}

/// How `refund` is made when banks have taken `disputed` of the money back, minor units: what they took counts as given back first.
pub fn split(refund: i64, disputed: i64) -> Split {
    let at_once = refund.saturating_sub(disputed.max(0)).max(0);
    Split { at_once, from_bank: refund.max(0) - at_once }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::HOUR_MS;

    const START: i64 = 1_770_201_000_000;

    #[test]
    fn the_earlier_the_more() {
        let rule = RefundRule { full_until_minutes: 60, late_percent: 50, started_percent: 10 };
        assert_eq!(rule.refund(4_001, "INR", START, START - HOUR_MS), 4_001);
        assert_eq!(rule.refund(4_001, "INR", START, START - HOUR_MS + 1), 2_001);
        assert_eq!(rule.refund(4_001, "INR", START, START), 400);
        assert_eq!(rule.refund(0, "INR", START, 0), 0);
        // A tenth of 4.050 dinars: cards know two of the three decimals.
        assert_eq!(rule.refund(4_050, "KWD", START, START), 410);
        assert_eq!(rule.refund(500, "ISK", START, START - HOUR_MS + 1), 300);
    }

    proptest! {
        #[test]
        fn a_bank_and_the_site_together_give_back_what_is_due(paid in 0..1_000_000_i64, disputed in 0..1_000_000_i64, percent in 0..=100_i64) {
            let refund = (paid + disputed) * percent / 100;
            let Split { at_once, from_bank } = split(refund, disputed);
            prop_assert_eq!(at_once + from_bank, refund);
            prop_assert!((0..=paid).contains(&at_once) && (0..=disputed).contains(&from_bank));
            prop_assert!(at_once == 0 || from_bank == disputed);
        }

        #[test]
        fn it_is_never_more_than_was_paid_and_never_grows(
            full: i64, late: i64, started: i64, paid in 0..1_000_000_000_i64, a in -100 * HOUR_MS..100 * HOUR_MS, b in 0..100 * HOUR_MS,
            code in prop::sample::select(vec!["INR", "KWD", "UGX"]),
        ) {
            let rule = RefundRule { full_until_minutes: full, late_percent: late, started_percent: started };
            let sooner = rule.refund(paid, code, START, START + a);
            prop_assert!((0..=paid).contains(&sooner));
            prop_assert!(sooner == paid || sooner % currency::step(code) == 0);
            prop_assert!(rule.refund(paid, code, START, START + a + b) <= sooner);
        }

        #[test]
        fn nothing_panics(full: i64, late: i64, started: i64, paid: i64, start: i64, now: i64) {
            let rule = RefundRule { full_until_minutes: full, late_percent: late, started_percent: started };
            prop_assert!(rule.refund(paid, "INR", start, now) >= 0);
        }
    }
}
