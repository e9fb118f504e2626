//! What was paid, given back and taken back by banks.

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use crate::{fields, ms};

struct Money<'a> {
    app: &'a App,
    site: &'a str,
    spot: &'a str,
}

impl Money<'_> {
    /// Money that came for a reservation of a spot of this kind; the payment's id.
    fn pay(&self, kind: &str, at: &str, amount: i64, currency: &str) -> String {
        let (reservation, payment, at) = (unique("reservation"), unique("payment"), ms(at));
        let db = self.app.db();
        db.execute(
            "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, created_at,
                 updated_at, updated_by)
             values (?1, (select id from users limit 1), ?2, ?3, ?4, ?5, ?5 + 3600000, 'GJ01AB1234', 'completed', ?6, ?7, ?5, ?5, 'test')",
            (&reservation, self.spot, self.site, kind, at, amount, currency),
        )
        .expect("a reservation");
        db.execute(
            "insert into payments (id, reservation, user_id, amount, currency, intent, state, received, next_check_at, succeeded_at, created_at,
                 updated_at, updated_by)
             values (?1, ?2, (select id from users limit 1), ?3, ?4, ?1, 'succeeded', ?3, ?5, ?5, ?5, ?5, 'test')",
            (&payment, &reservation, amount, currency, at),
        )
        .expect("a payment");
        payment
    }

    fn refund(&self, payment: &str, at: &str, amount: i64, state: &str) {
        self.app
            .db()
            .execute(
                "insert into refunds (id, payment, amount, reason, state, next_attempt_at, created_at, updated_at, updated_by)
                 values (?1, ?2, ?3, 'cancelled', ?4, ?5, ?5, ?5, 'test')",
                (unique("refund"), payment, amount, state, ms(at)),
            )
            .expect("a refund");
    }

    fn dispute(&self, payment: &str, at: &str, amount: i64, is_withdrawn: bool) {
        self.app
            .db()
            .execute(
                "insert into disputes (id, payment, amount, reason, status, is_withdrawn, created_at, updated_at, updated_by)
                 values (?1, ?2, ?3, 'fraudulent', 'lost', ?4, ?5, ?5, 'test')",
                (unique("dispute"), payment, amount, is_withdrawn, ms(at)),
            )
            .expect("a dispute");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_summed_up_by_day_and_kind_in_the_site_s_time() {
    let app = App::start().await;
    let (place, other) = (app.place(1).await, app.place(1).await);
    let operator = app.operator().await;
    let money = Money { app: &app, site: &place.site, spot: &place.spots[0] };
    // The last quarter of the fourth of February in India, and the first of the fifth.
    let first = money.pay("standard", "2026-02-04T18:29:59Z", 1_000, "inr");
    let second = money.pay("standard", "2026-02-04T18:30:00Z", 2_000, "inr");
    money.pay("standard", "2026-02-05T06:00:00Z", 500, "inr");
    money.pay("ev", "2026-02-05T06:00:00Z", 700, "inr");
    money.pay("ev", "2026-02-05T06:00:00Z", 30, "usd");
    money.refund(&first, "2026-02-05T07:00:00Z", 400, "succeeded");
    money.refund(&first, "2026-02-05T08:00:00Z", 100, "pending");
    money.refund(&second, "2026-02-05T08:00:00Z", 300, "failed");
    money.dispute(&second, "2026-02-06T00:00:00Z", 2_000, true);
    money.dispute(&first, "2026-02-06T00:00:00Z", 600, false);
    Money { app: &app, site: &other.site, spot: &other.spots[0] }.pay("standard", "2026-02-05T06:00:00Z", 9_999, "inr");

    let names = ["date", "kind", "currency", "paid", "refunded", "disputed", "net", "payments", "refunds"];
    let revenue = async |query: &str| operator.get(&format!("/api/analytics/revenue?site={}&{query}", place.site)).await.expect(200);
    let told = |revenue: &Value| revenue["items"].as_array().unwrap().iter().map(|item| json!(fields(item, names))).collect::<Vec<_>>();
    let all = revenue("from=2026-02-04&to=2026-02-06").await;
    assert_eq!(
        told(&all),
        [
            json!(["2026-02-04", "standard", "inr", 1000, 0, 0, 1000, 1, 0]),
            json!(["2026-02-05", "ev", "inr", 700, 0, 0, 700, 1, 0]),
            json!(["2026-02-05", "ev", "usd", 30, 0, 0, 30, 1, 0]),
            json!(["2026-02-05", "standard", "inr", 2500, 500, 0, 2000, 2, 2]),
            json!(["2026-02-06", "standard", "inr", 0, 0, 2000, -2000, 0, 0]),
        ]
    );
    let total = |currency: &str| all["totals"].as_array().unwrap().iter().find(|total| total["currency"] == currency).unwrap().clone();
    let names_of_total = ["paid", "refunded", "disputed", "net"];
    assert_eq!(fields(&total("inr"), names_of_total), [json!(4200), json!(500), json!(2000), json!(1700)]);
    assert_eq!(fields(&total("usd"), names_of_total), [json!(30), json!(0), json!(0), json!(30)]);
    assert_eq!(told(&revenue("from=2026-02-04&to=2026-02-04").await).len(), 1);
    assert_eq!(told(&revenue("from=2026-02-05&to=2026-02-05&kind=ev").await).len(), 2);
    operator.get(&format!("/api/analytics/revenue?site={}&zone={}", place.site, place.zone)).await.expect_invalid(&["zone"]);
}
