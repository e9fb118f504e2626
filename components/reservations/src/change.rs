//! Changing a reservation, which prices it anew.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::payment::RefundReason;
use domain::reservation::{Event, Status, transition};
use kit::allowance::Allowance;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{self, Executor, Fetch as _, Transaction};
use kit::input::{At, Input, Timestamp};
use kit::request::{Body, Now, RequestId};
use kit::{Answer, Problem, outbox, params};

use crate::available::{BEST_FIRST, FREE, USABLE};
use crate::conflict::{Conflict, Refusal};
use crate::model::Reservation;
use crate::pending::{self, Terms};
use crate::pricing::Priced;
use crate::refunds::{self, Funds, PAYMENTS};
use crate::request::{Plate, SpotChoice, Target};
use crate::schedule::settle_lapsed;
use crate::view::ReservationView;

mod terms;

use terms::New;

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
            at.refuse_whole("has no field of a reservation");
        }
        self.spot.check_kind(at);
    }
}

// The one update. `?1` is who changes it; for `?2` to `?5` see [`crate::available`]. `?6` is the state that it was in, `?16` what is
// given back, `?17` whether the spot stays, `?18` what is kept.
const CHANGE: &str = formatcp!(
    "update reservations set spot_id = ?7, site = ?8, kind = ?9, starts_at = ?3, ends_at = ?4, plate = ?10, price = ?11, status = ?12,
        hold_expires_at = iif(?12 = '{}', hold_expires_at, null), due_until = ?13, paid_ends_at = ?14, paid_price = ?15,
        announced = ?3 <= ?2, paid = paid - ?16, kept = ?18, updated_at = ?2, updated_by = ?1
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
/// by the refund rule of the site where it is so far; what that would not give back is not given back later either, wherever it is moved. What it costs more is `due` until `due_until`: until it is paid the reservation stays what it is, with `change` as
/// what it becomes (a longer stay on the same spot shows as such at once, with `paid_until`); unpaid by then, it stays so.
#[utoipa::path(method(put, patch), path = "/api/reservations/{id}", responses((
    status = 409,
    description = "`reason` is `taken` (with `next_free_at`), `out_of_service`, `due` (the difference for the last change is to be paid first), \
        `disputed` (a bank has yet to decide about what was paid: nothing dearer meanwhile), `too_late` or `not_possible`."
)))]
pub async fn change(
    caller: Caller<SignedIn>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    Path(id): Path<String>,
    Body(change): Body<ReservationChange>,
) -> Answer<Json<ReservationView>> {
    let changed = db::transaction(|tx| apply(tx, &caller.0, &id, &change, now));
    let (changed, refund) = changed.map_err(|refusal: Refusal| refusal.into_problem(None, Allowance::default(), now))?;
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
    let is_named = |target: &Target| matches!(target, Target::Spot(named) if stays(&named.spot_id));
    if target.as_ref().map_or_else(|| stays(&old.spot_id), is_named) {
        if let Some(Target::Spot(named)) = &target
            && named.check(&old.site, old.kind).is_err()
        {
            // Not as it was when it was reserved; maybe as it is now.
            Priced::named(tx, named)?;
        }
        return change_plate(tx, caller, &old, change, now);
    }
    if old.due_until.is_some() || old.change(now).is_some() {
        return Err(Problem::conflict("pay the difference for the last change first, or wait until it lapses").because("due").into());
    }
    let priced = match target {
        None => Priced::spot(tx, &old.spot_id)?,
        Some(Target::Spot(named)) => Priced::named(tx, &named)?,
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
    let funds = Funds::of(tx, &old)?;
    let money = new.money(&old, &funds, &refunds::rule(tx, &old)?, actor, now)?;
    if money.waits {
        let terms = Terms { spot, site: &priced.site, kind: priced.kind, start, end, price: money.price, kept: money.kept };
        if !pending::propose(tx, &old, &terms, is_same_spot, now, &caller.id)? {
            return Err(conflict(Target::spot(spot)));
        }
        return change_plate(tx, caller, &old, change, now);
    }
    let refund = funds.split(money.refund);
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
            refund.at_once,
            is_same_spot,
            money.kept,
        ],
    )?;
    if rows.is_empty() {
        return Err(conflict(Target::spot(spot)));
    }
    funds.give_back(tx, &old, refund, RefundReason::Changed, &caller.id, now)?;
    Ok((ReservationView::new(Reservation::find(tx, id)?, now), refund.at_once))
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
