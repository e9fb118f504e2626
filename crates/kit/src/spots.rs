//! What keeps a spot, said once in SQL for all components that ask: who reserves, who lists what is free, who takes a late payment.
//!
//! The arguments are SQL texts: columns or numbered parameters. Times are milliseconds. An unpaid hold counts until the moment it ends, and
//! so does the unpaid part of a longer stay, whether or not the scheduled run has come by.

/// Whether no other reservation keeps the spot at any time from `from` to `to`, as seen at `now`. `except` is the number (`no`) of a
/// reservation that is not in the way, 0 for none.
#[macro_export]
macro_rules! spot_is_free {
    ($spot:expr, $from:expr, $to:expr, $now:expr, $except:expr) => {
        concat!("not exists (select 1 from ", $crate::keeps_spot!($spot, $from, $to, $now), " and r.no <> ", $except, ")")
    };
}

/// Whether a reservation keeps the spot at `now`.
#[macro_export]
macro_rules! spot_is_kept {
    ($spot:expr, $now:expr) => {
        concat!("exists (select 1 from ", $crate::keeps_spot!($spot, $now, concat!($now, " + 1"), $now), ")")
    };
}

/// `reservations r where …`: those that keep the spot at any time from `from` to `to`. Its index holds only what is live.
#[macro_export]
macro_rules! keeps_spot {
    ($spot:expr, $from:expr, $to:expr, $now:expr) => {
        concat!(
            "reservations r where r.spot_id = ",
            $spot,
            " and r.status in ('pending_payment', 'confirmed', 'arrived') and r.ends_at > ",
            $from,
            " and r.starts_at < ",
            $to,
            " and (r.status <> 'pending_payment' or r.hold_expires_at > ",
            $now,
            ") and (r.due_until is null or r.due_until > ",
            $now,
            " or r.paid_ends_at > ",
            $from,
            ")"
        )
    };
}

/// Whether the spot of `spots s` may be given to somebody for a stay from `from`: it is in service, and nobody stands on it when the stay
/// starts now, that is within `domain::reservation::IMMEDIATE_START_MS`.
#[macro_export]
macro_rules! spot_is_usable {
    ($from:expr, $now:expr) => {
        concat!(
            "s.status = 'in_service' and (",
            $from,
            " > ",
            $now,
            " + 900000 or not exists (select 1 from devices v join device_state t on t.device_id = v.id
                where v.spot_id = s.spot_id and v.is_active = 1 and t.occupied = 1))"
        )
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn soon_is_as_the_rules_have_it() {
        assert!(spot_is_usable!("?1", "?2").contains(&domain::reservation::IMMEDIATE_START_MS.to_string()));
    }
}
