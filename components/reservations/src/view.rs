//! A reservation as the routes show it.

use domain::reservation::Status;
use domain::spot::Kind;
use kit::input::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Reservation;

/// A reservation. Money is minor units of `currency`.
#[derive(Serialize, ToSchema)]
#[schema(as = Reservation)]
pub struct ReservationView {
    /// The reservation's id.
    id: String,
    /// The id of the user who made it.
    user_id: String,
    /// The spot's code.
    spot_id: String,
    /// The site's slug.
    site: String,
    /// The zone's code; null when the spot is gone.
    zone: Option<String>,
    /// What the spot is for.
    kind: Kind,
    /// When the stay begins.
    start: Timestamp,
    /// When the stay ends.
    end: Timestamp,
    /// Capital letters and digits alone.
    vehicle_plate: String,
    /// How far it is.
    status: Status,
    /// What it costs, minor units of `currency`.
    price: i64,
    /// ISO 4217; null where nothing costs anything.
    currency: Option<String>,
    /// What the site keeps: received, less what was given back.
    paid: i64,
    /// What is to be paid now.
    due: i64,
    /// Until when it is held unpaid.
    hold_expires_at: Option<Timestamp>,
    /// Until when the difference for a longer stay, or for `change`, is to be paid.
    due_until: Option<Timestamp>,
    /// Where it ends if that rest is not paid.
    paid_until: Option<Timestamp>,
    /// What it becomes when the difference is paid; until then it stays as it is, and so it does when it is not.
    change: Option<ChangeView>,
    /// When the vehicle came; null until then.
    arrived_at: Option<Timestamp>,
    /// Since when the spot is empty again.
    left_at: Option<Timestamp>,
    /// When it was cancelled, completed, missed, or had expired.
    ended_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// The terms that a dearer change asks for.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingChange)]
pub struct ChangeView {
    /// The spot's code.
    spot_id: String,
    /// The site's slug.
    site: String,
    /// What the spot is for.
    kind: Kind,
    /// When it is to begin.
    start: Timestamp,
    /// When it is to end.
    end: Timestamp,
    /// What it is to cost in all, minor units.
    price: i64,
}

/// A reservation that was cancelled.
#[derive(Serialize, ToSchema)]
pub struct CancelledReservation {
    #[serde(flatten)]
    pub reservation: ReservationView,
    /// What goes back of what was paid, minor units.
    pub refund: i64,
}

impl ReservationView {
    /// As seen at `now`. What has lapsed shows so from the moment it does, before the scheduled run has written it down.
    pub fn new(reservation: Reservation, now: i64) -> Self {
        let change = reservation.change(now).map(|change| ChangeView {
            spot_id: change.spot_id.clone(),
            site: change.site.clone(),
            kind: change.kind,
            start: Timestamp(change.starts_at),
            end: Timestamp(change.ends_at),
            price: change.price,
        });
        let change_due_until = reservation.change(now).map(|change| change.due_until);
        let it = reservation;
        let due_for = change.as_ref().map_or(it.price, |change| change.price);
        let has_lapsed = it.status == Status::PendingPayment && it.hold_expires_at.is_some_and(|at| at <= now);
        let status = if has_lapsed { Status::Expired } else { it.status };
        let is_held = status == Status::PendingPayment;
        let due_until = it.due_until.or(change_due_until);
        let is_due = is_held || due_until.is_some_and(|at| at > now);
        Self {
            id: it.id,
            user_id: it.user_id,
            spot_id: it.spot_id,
            site: it.site,
            zone: it.zone,
            kind: it.kind,
            start: Timestamp(it.starts_at),
            end: Timestamp(it.ends_at),
            vehicle_plate: it.plate,
            status,
            price: it.price,
            currency: Some(it.currency).filter(|currency| !currency.is_empty()),
            paid: it.paid,
            due: if is_due { (due_for - it.paid).max(0) } else { 0 },
            hold_expires_at: it.hold_expires_at.filter(|_| is_held).map(Timestamp),
            due_until: due_until.map(Timestamp),
            paid_until: it.paid_ends_at.map(Timestamp),
            change,
            arrived_at: it.arrived_at.map(Timestamp),
            left_at: it.left_at.map(Timestamp),
            ended_at: it.ended_at.map(Timestamp),
            created_at: Timestamp(it.created_at),
            updated_at: Timestamp(it.updated_at),
        }
    }
}
