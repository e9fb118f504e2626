//! Paying on a page of Stripe's own (Stripe Checkout), to which the payer is sent and from which they come back.

use axum::Json;
use domain::booking_slot::Zone;
use domain::time::{HOUR_MS, SECOND_MS};
use kit::caller::{Caller, Person};
use kit::db::{Executor, Fetch as _};
use kit::idempotency::{Idempotent, Once};
use kit::input::{Id, Input, Timestamp};
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Payment;
use crate::opening::{Opened, Way, open_at_stripe};
use crate::request::NoCardData;
use crate::standing::public_origin;
use crate::stripe::{Failure, NOT_SET_UP, NewSession, Session, Stripe};

/// How long after its payment was made Stripe itself closes a page, milliseconds. It takes no less than 30 minutes, counted from when it is
/// asked, which may be late in a hold; the scheduled run closes the page with the hold.
const PAGE_MS: i64 = HOUR_MS;

/// What is to be paid.
#[derive(Input)]
#[input(example = r#"{"reservation_id": "019c2848-5c40-7000-8000-000000000001"}"#)]
pub struct CheckoutRequest {
    /// The id of the reservation that is to be paid.
    reservation_id: Id,
    #[input(flatten)]
    _no_card_data: NoCardData,
}

/// A page of Stripe's on which a reservation is paid. Money is minor units of `currency`.
#[derive(Serialize, ToSchema)]
pub struct Checkout {
    /// The payment's id.
    payment_id: String,
    /// The id of the page's session at Stripe, `cs_…`.
    checkout_session_id: String,
    /// Where the page is: the payer's browser is sent there.
    url: String,
    /// What is to be paid, minor units of `currency`.
    amount: i64,
    /// ISO 4217, such as `INR`.
    currency: String,
    /// The id of the reservation that is paid for.
    reservation_id: String,
    /// Until when it is to be paid.
    expires_at: Timestamp,
}

/// Opens a page of Stripe's on which a reservation is paid.
///
/// The one that is open for the reservation is given again. A payment intent of it is cancelled first, and making one closes the page: it is
/// paid once. From the page the payer comes back to `/console/reservations/{id}?payment=success` or `?payment=cancelled` under
/// `public_origin`; there `confirm` says how it stands.
#[utoipa::path(post, path = "/api/payments/checkout", responses(
    (status = 404, description = "There is no such reservation, or it is somebody else's."),
    (status = 409, description = "`reason` is `paid`, `processing`, `lapsed`, `not_possible`, `amount_too_small` or `not_chargeable`."),
    (status = 503, description = "Stripe does not answer, or payments are not set up (`reason` is `payments_not_set_up`): come back after `Retry-After`.")
))]
pub async fn create(caller: Caller<Person>, Now(now): Now, request: Idempotent<CheckoutRequest>) -> Answer<Once<Checkout>> {
    if let Some(kept) = request.replay(&caller.0)? {
        return Ok(kept);
    }
    let reservation = request.body()?.reservation_id;
    let stripe = Stripe::needed().await?;
    if public_origin().await?.is_none() {
        let detail = "payments on a page are not set up here: public_origin is not set";
        return Err(Problem::unavailable(detail, 3600).because(NOT_SET_UP));
    }
    let Opened { payment, standing, due_by } = open_at_stripe(&stripe, &caller.0, &reservation, Way::Checkout, now).await?;
    let session = standing.session.ok_or_else(|| Problem::internal("a checkout without a session"))?;
    let url = session.url.ok_or_else(|| Problem::internal("an open session without an address"))?;
    request.once(&caller.0, |_, _| -> Answer<_> {
        Ok(Checkout {
            payment_id: payment.id,
            checkout_session_id: session.id,
            url,
            amount: payment.amount,
            currency: payment.currency,
            reservation_id: payment.reservation,
            expires_at: Timestamp(due_by),
        })
    })
}

/// Asks Stripe for a payment's page.
pub async fn open_session(stripe: &Stripe, payment: &Payment, item: &str) -> Result<Session, Failure> {
    let origin = public_origin().await.ok().flatten().ok_or_else(|| Failure::Away("public_origin is not set".to_owned()))?;
    let back = format!("{origin}/console/reservations/{}", payment.reservation);
    let new = NewSession {
        payment: &payment.id,
        reservation: &payment.reservation,
        amount: payment.amount,
        currency: &payment.currency,
        item,
        expires_at_s: payment.created_at.saturating_add(PAGE_MS) / SECOND_MS,
        success_url: &format!("{back}?payment=success"),
        cancel_url: &format!("{back}?payment=cancelled"),
    };
    stripe.open_session(&new).await
}

#[derive(FromRow)]
struct Item {
    site_name: String,
    time_zone: String,
    spot_id: String,
    kind: String,
    starts_at: i64,
    ends_at: i64,
}

/// What is paid for, in words: where, and from when to when by the site's clock.
pub fn describe(db: &dyn Executor, reservation: &str) -> Result<String, Problem> {
    let item: Option<Item> = db.fetch_optional(
        "select site_name, time_zone, spot_id, kind, starts_at, ends_at from reservation_items where reservation = ?",
        params![reservation],
    )?;
    Ok(item.ok_or_else(|| Problem::not_found("reservation"))?.words())
}

impl Item {
    fn words(&self) -> String {
        let Self { site_name, time_zone, spot_id, .. } = self;
        let kind = self.kind.replace('_', " ");
        let zone = Zone::parse(time_zone);
        let wall = |at| zone.map(|zone| zone.wall(at));
        let time = match (wall(self.starts_at), wall(self.ends_at)) {
            (Some((from, start)), Some((to, end))) if from == to => format!(", {from} {start} to {end} ({time_zone})"),
            (Some((from, start)), Some((to, end))) => format!(", {from} {start} to {to} {end} ({time_zone})"),
            _ => String::new(),
        };
        format!("Parking at {site_name}, spot {spot_id} ({kind}){time}")
    }
}

/// How people can pay here.
#[derive(Serialize, ToSchema)]
pub struct PaymentSetup {
    /// Whether payments can be made at all.
    #[schema(example = true)]
    is_set_up: bool,
    /// Whether they can be made on a page of Stripe's, by `POST /api/payments/checkout`.
    #[schema(example = true)]
    has_checkout: bool,
}

/// Says how people can pay here.
///
/// Where payments are not set up, a screen has no need to offer them.
#[utoipa::path(get, path = "/api/payments/setup")]
pub async fn setup() -> Answer<Json<PaymentSetup>> {
    let is_set_up = Stripe::configured().await?.is_some();
    Ok(Json(PaymentSetup { is_set_up, has_checkout: is_set_up && public_origin().await?.is_some() }))
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    #[test]
    fn what_is_paid_for_is_said_by_the_site_s_clock() {
        let mut item = Item {
            site_name: "City Centre".to_owned(),
            time_zone: "Asia/Kolkata".to_owned(),
            spot_id: "A-1".to_owned(),
            kind: "two_wheeler".to_owned(),
            starts_at: 1_770_201_000_000,
            ends_at: 1_770_204_600_000,
        };
        assert_eq!(item.words(), "Parking at City Centre, spot A-1 (two wheeler), 2026-02-04 16:00 to 17:00 (Asia/Kolkata)");
        item.ends_at += 24 * HOUR_MS;
        assert!(item.words().contains("2026-02-04 16:00 to 2026-02-05 17:00"), "{}", item.words());
        item.time_zone = "Mars/Phobos".to_owned();
        assert_eq!(item.words(), "Parking at City Centre, spot A-1 (two wheeler)");
    }

    #[test]
    fn no_card_data_is_taken() {
        let refused = parse::<CheckoutRequest>(br#"{"reservation_id": 3, "cvc": "123"}"#, 0).err().unwrap();
        assert_eq!(refused.errors().keys().collect::<Vec<_>>(), ["cvc", "reservation_id"]);
        assert!(parse::<CheckoutRequest>(CheckoutRequest::example().unwrap().as_bytes(), 0).is_ok());
    }
}
