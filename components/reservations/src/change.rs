//! Changing a reservation, which prices it anew.

use axum::Json;
use axum::extract::Path;
use domain::reservation::{Actor, Event, HOLD_MS, Status, transition};
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{self, Run, Transaction};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now, RequestId};
use kit::{Answer, Problem, outbox, params, spot_is_free, spot_is_usable};
use serde_json::Value;

use crate::lists::visible;
use crate::quote::Priced;
use crate::reserve::{Which, best_first, check_stay, read_plate, which};
use crate::show::Reservation;
use crate::steps::{actor, give_back, settle_lapsed};
use crate::taken::{self, Scope};

/// What a body asks for; none where it says nothing.
struct Wish {
    which: Option<Which>,
    start: Option<i64>,
    end: Option<i64>,
    plate: Option<String>,
}

impl Wish {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        fields.alias("start", "start_time").alias("end", "end_time");
        let wish = Self {
            which: which(&mut fields),
            start: fields.opt_time("start"),
            end: fields.opt_time("end"),
            plate: read_plate(&mut fields),
        };
        let empty = wish.which.is_none() && wish.start.is_none() && wish.end.is_none() && wish.plate.is_none();
        fields.check(!empty || !fields.errors().is_empty(), "body", "has no field of a reservation");
        fields.finish()?;
        Ok(wish)
    }
}

/// The one update. `?2` is the state that it was in, `?15` whether the spot stays, `?16` what is given back.
const CHANGE: &str = concat!(
    "update reservations set spot_id = ?3, site = ?4, kind = ?5, starts_at = ?6, ends_at = ?7, plate = ?8, price = ?9, status = ?10,
        hold_expires_at = iif(?10 = 'pending_payment', hold_expires_at, null), due_until = ?11, paid_ends_at = ?12, paid_price = ?13,
        announced = ?6 <= ?14, paid = paid - ?16, updated_at = ?14, updated_by = ?17
     where no = ?1 and status = ?2 and (?15 or exists (select 1 from spots s where s.spot_id = ?3 and ",
    spot_is_usable!("?6", "?14"),
    ")) and ",
    spot_is_free!("?3", "?6", "?7", "?14", "?1"),
    " returning no"
);

/// The best spot of a site and kind for a reservation that is moved: its own if that will do.
const BEST: &str = concat!(
    "select s.spot_id from spots s join zones z on z.site = s.site and z.code = s.zone
     where s.site = ?1 and s.kind = ?2 and (s.spot_id = ?7 or (",
    spot_is_usable!("?3", "?5"),
    ")) and ",
    spot_is_free!("s.spot_id", "?3", "?4", "?5", "?6"),
    " order by s.spot_id <> ?7, ",
    best_first!("?3", "?4"),
    " limit 1"
);

/// PUT `/api/reservations/{id}`: `spot_id` or `site` and `kind`, `start`, `end`, `vehicle_plate`; what is not sent stays. The price is that of
/// the new stay. Of what was paid, what is too much is given back by the site's refund rule. What a longer stay costs more is `due`
/// until `due_until`: unpaid by then, the stay ends as it did before. Any other change of a paid one that costs more: 409, `costs_more`. Also
/// 409 with `reason` `taken` (and `next_free_at`), `due`, `too_late`, `not_possible`.
pub async fn change(
    caller: Caller<SignedIn>,
    Now(now): Now,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Path(id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<Value>> {
    let wish = Wish::parse(&body)?;
    let mut refused = None;
    let done = db::transaction(|tx| apply(tx, &caller.0, &id, &wish, now, &mut refused));
    match (done, refused) {
        (Err(_), Some((scope, start, end))) => Err(taken::explain(&scope, start, end, now, None)?),
        (done, _) => {
            let (shown, money) = done?;
            if money {
                outbox::wake("/internal/payments", request_id);
            }
            Ok(Json(shown))
        }
    }
}

type Refused = Option<(Scope, i64, i64)>;

/// What it is now, and whether there is something to do at Stripe.
fn apply(tx: &Transaction, caller: &Principal, id: &str, wish: &Wish, now: i64, refused: &mut Refused) -> Result<(Value, bool), Problem> {
    let run = |sql: &str, params| tx.run(sql, params);
    settle_lapsed(tx, id, now)?;
    let old = visible(caller, Reservation::find(run, id)?)?;
    let actor = actor(caller, &old);
    if transition(Event::Change, old.status, actor).is_none() {
        let detail = format!("the reservation is {}: it cannot be changed", old.status.into_str().replace('_', " "));
        return Err(Problem::conflict(detail).because("not_possible"));
    }
    if old.due_until.is_some() {
        return Err(Problem::conflict("pay the rest for the longer stay first, or wait until it lapses").because("due"));
    }
    let (start, end) = (wish.start.unwrap_or(old.starts_at), wish.end.unwrap_or(old.ends_at));
    let priced = place(&run, wish, &old, start, end, now)?;
    let Some(priced) = priced else {
        if let Some(which) = &wish.which {
            *refused = Some((Scope::of(which).except(old.no), start, end));
        }
        return Err(Problem::conflict("it is taken"));
    };
    check(&old, &priced, start, end, now)?;

    let price = priced.price(start, end);
    let money = Money::of(&old, &priced, actor, start, end, price, now)?;
    let plate = wish.plate.as_deref().unwrap_or(&old.plate);
    let same_spot = priced.spot_id.eq_ignore_ascii_case(&old.spot_id);
    let rows = tx.run(
        CHANGE,
        params![
            old.no,
            old.status.into_str(),
            &priced.spot_id,
            &priced.site,
            &priced.kind,
            start,
            end,
            plate,
            price,
            money.status.into_str(),
            money.due_until,
            money.due_until.map(|_| old.ends_at),
            money.due_until.map(|_| old.price),
            now,
            same_spot,
            money.back,
            &caller.id,
        ],
    )?;
    if rows.is_empty() {
        *refused = Some((Scope::of(&Which::Spot(priced.spot_id)).except(old.no), start, end));
        return Err(Problem::conflict("it is taken"));
    }
    give_back(tx, &old, money.back, "changed", &caller.id, now)?;
    Ok((Reservation::find(run, id)?.json(now), money.back > 0))
}

/// The spot that it is to have, with its prices; none when there is none that will do.
fn place(run: Run<'_>, wish: &Wish, old: &Reservation, start: i64, end: i64, now: i64) -> Result<Option<Priced>, Problem> {
    match &wish.which {
        None => Priced::spot(run, &old.spot_id).map(Some),
        Some(Which::Spot(spot)) => Priced::spot(run, spot).map(Some),
        Some(Which::Kind { site, kind }) => {
            Priced::kind(run, site, kind)?;
            let rows = run(BEST, params![site, kind, start, end, now, old.no, &old.spot_id])?;
            rows.first().map(|row| Priced::spot(run, row.text(0)?)).transpose()
        }
    }
}

/// Whether the stay is one that is offered, as far as it is new.
fn check(old: &Reservation, priced: &Priced, start: i64, end: i64, now: i64) -> Result<(), Problem> {
    let mut fields = Fields::of(serde_json::json!({}))?;
    if old.status == Status::Arrived {
        fields.check(priced.spot_id.eq_ignore_ascii_case(&old.spot_id), "spot_id", "cannot be changed once the driver is there");
        fields.check(start == old.starts_at, "start", "cannot be changed once the driver is there");
    }
    fields.check(priced.currency() == old.currency, "spot_id", "is paid in another currency: cancel, and reserve anew");
    fields.check(end > now || end == old.ends_at, "end", "is past");
    if start == old.starts_at {
        // It was good when it was made.
        check_stay(&mut fields, start.max(now), end.max(start.max(now) + domain::reservation::MIN_STAY_MS), now);
        fields.check(end - start >= domain::reservation::MIN_STAY_MS, "end", "must come at least 15 minutes after the start");
        fields.check(end - start <= domain::reservation::MAX_STAY_MS, "end", "must come within 30 days of the start");
    } else {
        check_stay(&mut fields, start, end, now);
    }
    fields.finish()
}

/// What becomes of the money.
struct Money {
    status: Status,
    due_until: Option<i64>,
    back: i64,
}

impl Money {
    fn of(old: &Reservation, priced: &Priced, actor: Actor, start: i64, end: i64, price: i64, now: i64) -> Result<Self, Problem> {
        if old.status == Status::PendingPayment {
            let status = if price > 0 { Status::PendingPayment } else { Status::Confirmed };
            return Ok(Self { status, due_until: None, back: 0 });
        }
        // Else who may not have it all back any more would move it far ahead, and cancel then.
        if actor == Actor::Owner && start != old.starts_at && priced.tariff.refund.refund(100, old.starts_at, now) < 100 {
            return Err(Problem::conflict("it is too close to its start to be moved").because("too_late"));
        }
        if price > old.paid {
            let longer = start == old.starts_at && end > old.ends_at && priced.spot_id.eq_ignore_ascii_case(&old.spot_id);
            if !longer {
                let more = price - old.paid;
                let detail = format!("it would cost {more} more, in minor units: cancel, and reserve anew");
                return Err(Problem::conflict(detail).because("costs_more").with("difference", more));
            }
            return Ok(Self { status: old.status, due_until: Some(now + HOLD_MS), back: 0 });
        }
        let less = (old.paid - price).min(old.price - price).max(0);
        // What staff changes is not the driver's doing.
        let back = if actor == Actor::Operator { less } else { priced.tariff.refund.refund(less, old.starts_at, now) };
        Ok(Self { status: old.status, due_until: None, back })
    }
}
