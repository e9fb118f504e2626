//! Reading payments.

use axum::Json;
use axum::extract::Path;
use domain::role::Role;
use kit::caller::{Caller, SignedIn};
use kit::db::{self, DbError, Row, Rows};
use kit::page::{Listing, Page};
use kit::request::Query;
use kit::{Answer, Problem, params};
use serde_json::{Value, json};

const STATES: [&str; 6] = ["creating", "open", "processing", "succeeded", "cancelled", "failed"];

/// What [`payment`] reads, to be followed by a condition on `payments p`.
macro_rules! select {
    () => {
        "select p.no, p.id, p.user_id, p.reservation, p.intent, p.amount, p.currency, p.state, p.stripe_status, p.received, p.last_error,
            p.succeeded_at, p.created_at, p.updated_at,
            (select coalesce(sum(f.amount), 0) from refunds f where f.payment = p.id and f.state <> 'failed')
         from payments p"
    };
}

fn payment(row: &Row) -> Result<Value, Problem> {
    Ok(json!({
        "id": row.text(1)?,
        "user_id": row.text(2)?,
        "reservation_id": row.text(3)?,
        "payment_intent_id": row.opt_text(4)?,
        "amount": row.int(5)?,
        "currency": row.text(6)?,
        "state": row.text(7)?,
        "stripe_status": row.opt_text(8)?,
        "received": row.int(9)?,
        "refunded": row.int(14)?,
        "last_error": row.opt_text(10)?,
        "succeeded_at": row.opt_time(11)?,
        "created_at": row.time(12)?,
        "updated_at": row.time(13)?,
    }))
}

/// GET `/api/payments`: newest first; a driver's own, or all for an operator. Filters `reservation_id`, `state`.
pub async fn list(caller: Caller<SignedIn>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["reservation_id", "state"])?;
    listing.choice("state", &STATES)?;
    let own = (!caller.0.role.holds(Role::Operator)).then_some(caller.0.id.as_str());
    let mut sql = concat!(select!(), " where p.no < coalesce(?, 9223372036854775807)").to_owned();
    let mut params = vec![listing.after_int(0)];
    // The first of those that were given tells the most apart: its index is used, `+` keeps the others from theirs.
    let mut first = true;
    for (column, value) in [("p.reservation", listing.filter("reservation_id")), ("p.user_id", own), ("p.state", listing.filter("state"))] {
        if let Some(value) = value {
            sql.push_str(if first { " and " } else { " and +" });
            sql.push_str(column);
            sql.push_str(" = ?");
            params.push(value.into());
            first = false;
        }
    }
    sql.push_str(" order by p.no desc limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, |row| Ok(json!([row.int(0)?])), payment)
}

/// GET `/api/payments/{id}`: with its `refunds`. Somebody else's is not there, save for an operator.
pub async fn detail(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let shown = shown(db::run, &id)?;
    let own = shown["user_id"].as_str() == Some(caller.0.id.as_str());
    if own || caller.0.role.holds(Role::Operator) { Ok(Json(shown)) } else { Err(Problem::not_found("payment")) }
}

/// A payment with its refunds; 404 when there is none.
pub fn shown(run: impl Fn(&str, Vec<db::Value>) -> Result<Rows, DbError>, id: &str) -> Result<Value, Problem> {
    let rows = run(concat!(select!(), " where p.id = ?"), params![id])?;
    let mut shown = payment(rows.first().ok_or_else(|| Problem::not_found("payment"))?)?;
    let rows = run(
        "select id, amount, reason, state, last_error, created_at, updated_at from refunds where payment = ? order by no",
        params![id],
    )?;
    let refunds = rows.iter().map(|row| {
        Ok(json!({
            "id": row.text(0)?,
            "amount": row.int(1)?,
            "reason": row.text(2)?,
            "state": row.text(3)?,
            "last_error": row.opt_text(4)?,
            "created_at": row.time(5)?,
            "updated_at": row.time(6)?,
        }))
    });
    shown["refunds"] = refunds.collect::<Result<Vec<Value>, Problem>>()?.into();
    Ok(shown)
}
