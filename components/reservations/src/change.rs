//! Changing a reservation, which prices it anew.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::currency;
use domain::payment::RefundReason;
use domain::reservation::{Actor, Event, HOLD_MS, Status, transition};
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{self, Executor, Fetch as _, Transaction};
use kit::input::{At, Input, Timestamp};
use kit::problem::FieldErrors;
use kit::request::{Body, Now, RequestId};
use kit::{Answer, Problem, outbox, params};

use crate::available::{BEST_FIRST, FREE, USABLE};
use crate::conflict::{Conflict, Refusal};
use crate::model::Reservation;
use crate::pending::{self, Terms};
use crate::pricing::Priced;
use crate::refunds::{PAYMENTS, give_back};
use crate::request::{Plate, SpotChoice, Target, check_length, check_start};
use crate::schedule::settle_lapsed;
use crate::view::ReservationView;

/// A change of a reservation: what is not sent stays.
#[derive(Input)]
#[input(read_only(
    "id",
    "user_id",
    "zone",
    "status",
    "price",
    "currency",
    "paid",
    "due",
    "hold_expires_at",
    "due_until",
    "paid_until",
    "arrived_at",
    "left_at",
    "ended_at",
    "created_at",
    "updated_at"
))]
#[input(check, example = r#"{"vehicle_plate": "GJ 01 AB 1234"}"#)]
pub struct ReservationChange {
    #[input(flatten)]
    spot: SpotChoice,
    /// When the stay begins: at most 5 minutes ago, within 120 days.
    #[input(alias("start_time"))]
    start: Option<Timestamp>,
    /// When the stay ends: 15 minutes to 30 days after its start.
    #[input(alias("end_time"))]
    end: Option<Timestamp>,
    /// The vehicle's plate.
    #[input(alias("plate"))]
    vehicle_plate: Option<Plate>,
}

impl ReservationChange {
    fn check(&self, at: &mut At<'_>) {
        let is_empty = self.spot.target().is_none() && self.start.is_none() && self.end.is_none() && self.vehicle_plate.is_none();
        if is_empty {
            at.refuse("has no field of a reservation");
        }
    }
}

// The one update. `?1` is who changes it; for `?2` to `?5` see [`crate::available`]. `?6` is the state that it was in, `?16` what is
// given back, `?17` whether the spot stays.
const CHANGE: &str = formatcp!(
    "update reservations set spot_id = ?7, site = ?8, kind = ?9, starts_at = ?3, ends_at = ?4, plate = ?10, price = ?11, status = ?12,
        hold_expires_at = iif(?12 = '{}', hold_expires_at, null), due_until = ?13, paid_ends_at = ?14, paid_price = ?15,
        announced = ?3 <= ?2, paid = paid - ?16, updated_at = ?2, updated_by = ?1
     where no = ?5 and status = ?6 and exists (
        select 1 from spot_presence s where s.spot_id = ?7 and (?17 or ({USABLE})) and {FREE}
     ) returning no",
    Status::PendingPayment.into_str()
);

/// The best spot of the site `?6` and the kind `?7` for a reservation that is moved: its own, `?1`, if that will do.
const BEST: &str = formatcp!(
    "select s.spot_id from spot_presence s where s.site = ?6 and s.kind = ?7 and (s.spot_id = ?1 or ({USABLE})) and {FREE}
     order by s.spot_id <> ?1, {BEST_FIRST} limit 1"
);

/// What changes neither its time nor its spot: the price and all else stay, whatever the tariff says now, and whatever is still due.
const CHANGE_PLATE: &str = "update reservations set plate = ?3, updated_at = ?4, updated_by = ?5 where no = ?1 and status = ?2";

/// Changes a reservation.
///
/// A change of neither time nor spot changes no price. Else the price is that of the new stay. Of what was paid, what is too much is given back
/// by the site's refund rule. What it costs more is `due` until `due_until`: until it is paid the reservation stays what it is, with `change` as
/// what it becomes (a longer stay on the same spot shows as such at once, with `paid_until`); unpaid by then, it stays so.
#[utoipa::path(method(put, patch), path = "/api/reservations/{id}", responses((
    status = 409,
    description = "`reason` is `taken` (with `next_free_at`), `out_of_service`, `due` (the difference for the last change is to be paid first), \
        `too_late` or `not_possible`."
)))]
pub async fn change(
    caller: Caller<SignedIn>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(id): Path<String>,
    Body(change): Body<ReservationChange>,
) -> Answer<Json<ReservationView>> {
    let changed = db::transaction(|tx| apply(tx, &caller.0, &id, &change, now));
    let (changed, refund) = changed.map_err(|refusal: Refusal| refusal.into_problem(None, now))?;
    if refund > 0 {
        outbox::wake(PAYMENTS, request_id);
    }
    Ok(Json(changed))
}

/// What it is now, and what is given back.
fn apply(tx: &Transaction, caller: &Principal, id: &str, change: &ReservationChange, now: i64) -> Result<(ReservationView, i64), Refusal> {
    settle_lapsed(tx, id, now)?;
    let old = Reservation::find_for(tx, caller, id)?;
    let actor = old.actor(caller);
    if transition(Event::Change, old.status, actor).is_none() {
        return Err(old.not_possible(": it cannot be changed").into());
    }
    let (start, end) = (change.start.map_or(old.starts_at, |at| at.0), change.end.map_or(old.ends_at, |at| at.0));
    let conflict = |target| Refusal::Conflict(Conflict { target, except: old.no, start, end });
    let target = change.spot.target();
    let stays = |spot: &str| start == old.starts_at && end == old.ends_at && spot.eq_ignore_ascii_case(&old.spot_id);
    let is_named = |target: &Target| matches!(target, Target::Spot(spot) if stays(spot));
    if target.as_ref().map_or_else(|| stays(&old.spot_id), is_named) {
        return change_plate(tx, caller, &old, change, now);
    }
    if old.due_until.is_some() || old.change(now).is_some() {
        return Err(Problem::conflict("pay the difference for the last change first, or wait until it lapses").because("due").into());
    }
    let priced = match target {
        None => Priced::spot(tx, &old.spot_id)?,
        Some(Target::Spot(spot)) => Priced::spot(tx, &spot)?,
        Some(Target::Kind { site, kind }) => {
            Priced::kind(tx, &site, kind)?;
            let best: Option<String> = tx.fetch_scalar(BEST, params![&old.spot_id, now, start, end, old.no, &site, kind])?;
            match best {
                Some(spot) => Priced::spot(tx, &spot)?,
                None => return Err(conflict(Target::Kind { site, kind })),
            }
        }
    };
    let spot = priced.spot_id.as_deref().unwrap_or(&old.spot_id);
    if stays(spot) {
        return change_plate(tx, caller, &old, change, now);
    }
    let is_same_spot = spot.eq_ignore_ascii_case(&old.spot_id);
    let new = New { is_same_spot, start, end, priced: &priced };
    new.check(&old, now)?;
    let money = new.money(&old, actor, now)?;
    if money.waits {
        let terms = Terms { spot, site: &priced.site, kind: priced.kind, start, end, price: money.price };
        if !pending::propose(tx, &old, &terms, is_same_spot, now, &caller.id)? {
            return Err(conflict(Target::Spot(spot.to_owned())));
        }
        return change_plate(tx, caller, &old, change, now);
    }
    let rows = tx.run(
        CHANGE,
        params![
            &caller.id,
            now,
            start,
            end,
            old.no,
            old.status,
            spot,
            &priced.site,
            priced.kind,
            change.vehicle_plate.as_ref().map_or(old.plate.as_str(), Plate::as_ref),
            money.price,
            money.status,
            money.due_until,
            money.due_until.map(|_| old.ends_at),
            money.due_until.map(|_| old.price),
            money.refund,
            is_same_spot,
        ],
    )?;
    if rows.is_empty() {
        return Err(conflict(Target::Spot(spot.to_owned())));
    }
    give_back(tx, &old, money.refund, RefundReason::Changed, &caller.id, now)?;
    Ok((ReservationView::new(Reservation::find(tx, id)?, now), money.refund))
}

/// The one with another plate, or as it is.
fn change_plate(
    tx: &Transaction,
    caller: &Principal,
    old: &Reservation,
    change: &ReservationChange,
    now: i64,
) -> Result<(ReservationView, i64), Refusal> {
    if let Some(plate) = &change.vehicle_plate {
        tx.run(CHANGE_PLATE, params![old.no, old.status, plate, now, &caller.id])?;
    }
    Ok((ReservationView::new(Reservation::find(tx, &old.id)?, now), 0))
}

/// The stay that it is to become.
struct New<'a> {
    is_same_spot: bool,
    start: i64,
    end: i64,
    priced: &'a Priced,
}

/// What becomes of the money.
struct Money {
    price: i64,
    status: Status,
    /// Of a longer stay, which is kept meanwhile: until when the difference is to be paid.
    due_until: Option<i64>,
    /// Whether it stays what it is until the difference is paid.
    waits: bool,
    refund: i64,
}

impl Money {
    /// Nothing is due and nothing goes back.
    fn settled(price: i64, status: Status) -> Self {
        Self { price, status, due_until: None, waits: false, refund: 0 }
    }
}

impl New<'_> {
    /// Refuses a stay that is not offered, as far as it is new.
    fn check(&self, old: &Reservation, now: i64) -> Result<(), Problem> {
        let &Self { start, end, is_same_spot, .. } = self;
        let mut errors = FieldErrors::new();
        let mut at = At::top(&mut errors, now, false);
        if old.status == Status::Arrived {
            at.check_field(is_same_spot, "spot_id", "cannot be changed once the driver is there");
            at.check_field(start == old.starts_at, "start", "cannot be changed once the driver is there");
        }
        let is_same_currency = self.priced.currency() == old.currency;
        at.check_field(is_same_currency, "spot_id", "is paid in another currency: cancel, and reserve anew");
        at.check_field(end > now || end == old.ends_at, "end", "is past");
        // A start that stays was good when the reservation was made.
        if start != old.starts_at {
            check_start(start, &mut at);
        }
        check_length(start, end, &mut at);
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    fn money(&self, old: &Reservation, actor: Actor, now: i64) -> Result<Money, Problem> {
        let refund_rule = &self.priced.tariff.refund;
        let price = self.priced.price(self.start, self.end)?;
        if old.status == Status::PendingPayment {
            let status = if price > 0 { Status::PendingPayment } else { Status::Confirmed };
            return Ok(Money::settled(price, status));
        }
        // Else who may not have it all back any more would move it far ahead, and cancel then.
        if actor == Actor::Owner && self.start != old.starts_at && refund_rule.percent(old.starts_at, now) < 100 {
            return Err(Problem::conflict("it is too close to its start to be moved").because("too_late"));
        }
        // What staff gave back of it is not asked for again, unless the new terms are dearer.
        if price > old.paid && price > old.price {
            // Less than can be charged is not asked for by itself: it counts with the next change.
            if price - old.paid < currency::least_charge(&old.currency) {
                return Ok(Money::settled(price, old.status));
            }
            let is_longer = self.start == old.starts_at && self.end > old.ends_at && self.is_same_spot;
            let settled = Money::settled(price, old.status);
            return Ok(if is_longer { Money { due_until: Some(now + HOLD_MS), ..settled } } else { Money { waits: true, ..settled } });
        }
        let less = (old.paid - price).min(old.price - price).max(0);
        // What staff changes is not the driver's doing.
        let refund = if actor == Actor::Operator { less } else { refund_rule.refund(less, &old.currency, old.starts_at, now) };
        Ok(Money { refund, ..Money::settled(price, old.status) })
    }
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    fn refused(body: &str) -> Vec<String> {
        parse::<ReservationChange>(body.as_bytes(), 0).err().unwrap().errors().keys().cloned().collect()
    }

    #[test]
    fn a_change_says_what_is_to_change() {
        assert_eq!(refused("{}"), ["body"]);
        assert_eq!(refused(r#"{"start": "soon", "vehicle_plate": "?"}"#), ["start", "vehicle_plate"]);
        let change: ReservationChange = parse(ReservationChange::example().unwrap().as_bytes(), 0).unwrap();
        assert_eq!(change.vehicle_plate.unwrap().as_ref(), "GJ01AB1234");
    }
}
