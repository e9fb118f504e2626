//! Darshan booking: slots of a temple's day, bookings and their waitlist, tickets as QR codes, gates (docs/reference/rules.md#booking).
//!
//! That a slot is never overbooked is a condition inside the one insert; that the waitlist moves up is a trigger of the schema, in the
//! transaction of what freed the places.

mod availability;
mod claim;
mod clock;
mod create;
mod day;
mod gate;
mod model;
mod offer;
mod picture_address;
mod qr;
mod read;
mod schedule;
mod special_days;
mod sql;
mod temple;
mod terms;
mod ticket;
mod transitions;
mod weekly_slots;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes of bookings, of gates and of what a temple offers.
pub fn api() -> Api {
    Api::new("booking", "Slots of temples, bookings with their tickets, the waitlist, and gates.")
        .routes(routes![create::book, create::join_waitlist, read::mine, read::detail, read::of_day, ticket::list_keys])
        .routes(routes![qr::svg, qr::png, transitions::cancel, transitions::revoke, transitions::reissue])
        .routes(routes![
            gate::check_in::check_in,
            gate::overrule::overrule,
            gate::exit::exit,
            gate::batch::check_in_batch,
            gate::inside::inside
        ])
        .routes(routes![availability::list])
        .routes(routes![weekly_slots::list, weekly_slots::read, weekly_slots::create, weekly_slots::update, weekly_slots::delete])
        .routes(routes![special_days::list, special_days::read, special_days::replace, special_days::delete])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);

#[cfg(test)]
mod tests {
    use kit::input::{Input, parse};

    /// 2026-02-04T10:30:00Z: when the examples are of.
    const NOW: i64 = 1_770_201_000_000;

    fn parse_example<T: Input>() -> T {
        parse(T::example().expect("an example").as_bytes(), NOW).map_err(|problem| problem.errors().clone()).expect(T::NAME)
    }

    #[test]
    fn every_example_is_valid() {
        parse_example::<crate::create::BookingRequest>();
        parse_example::<crate::transitions::Revocation>();
        parse_example::<crate::gate::check_in::CheckIn>();
        parse_example::<crate::gate::exit::Exit>();
        parse_example::<crate::gate::overrule::Override>();
        parse_example::<crate::gate::batch::ScanBatch>();
        parse_example::<crate::gate::batch::OfflineScan>();
        parse_example::<crate::weekly_slots::NewWeeklySlots>();
        parse_example::<crate::weekly_slots::WeeklySlotChange>();
        parse_example::<crate::special_days::SpecialDayPlan>();
    }
}
