//! Stripe's objects, as far as they are looked at.

use std::collections::HashMap;

use serde::Deserialize;

/// A payment intent.
#[derive(Debug, Deserialize)]
pub struct Intent {
    /// `pi_…`.
    pub id: String,
    /// `requires_payment_method`, `requires_confirmation`, `requires_action`, `processing`, `requires_capture`, `canceled`, `succeeded`.
    pub status: String,
    /// What it is to bring in, minor units.
    pub amount: i64,
    /// What it brought in.
    amount_received: Option<i64>,
    /// Small letters.
    pub currency: String,
    /// What the driver's own device confirms it with.
    pub client_secret: Option<String>,
    /// Ours: `payment_id`, `reservation_id`.
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

impl Intent {
    /// What it brought in, once it has succeeded.
    pub fn received(&self) -> i64 {
        if self.status == "succeeded" { self.amount_received.unwrap_or(self.amount) } else { 0 }
    }

    /// Whether it can still be cancelled.
    pub fn is_open(&self) -> bool {
        self.status.starts_with("requires_")
    }
}

/// A session of Stripe's own page, on which its payer pays.
#[derive(Debug, Deserialize)]
pub struct Session {
    /// `cs_…`.
    pub id: String,
    /// `open`, `complete`, `expired`.
    pub status: Option<String>,
    /// Where the page is, while it is open.
    pub url: Option<String>,
    /// The intent that somebody's attempt to pay there has made.
    pub payment_intent: Option<String>,
    /// Ours: `payment_id`, `reservation_id`.
    #[serde(default)]
    pub metadata: Option<HashMap<String, String>>,
}

impl Session {
    /// Whether somebody may still pay there.
    pub fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }

    /// Whether somebody has said there that they pay; the money may still be on its way.
    pub fn is_complete(&self) -> bool {
        self.status.as_deref() == Some("complete")
    }
}

/// A refund.
#[derive(Debug, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// What is given back, minor units.
    pub amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`.
    pub status: Option<String>,
    /// The intent of its payment; none when it is of a charge without one.
    pub payment_intent: Option<String>,
    /// Ours: `refund_id`.
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
}

impl Refund {
    /// Our id of it, if we have made it.
    pub fn own_id(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("refund_id").map(String::as_str)
    }

    /// Whether the money goes back, or has gone.
    pub fn counts(&self) -> bool {
        !matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

/// What the holder of a card disputes with their bank.
#[derive(Debug, Deserialize)]
pub struct Dispute {
    /// `du_…` or `dp_…`.
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// `fraudulent`, `product_not_received`, ….
    pub reason: String,
    /// `needs_response`, `under_review`, `won`, `lost`, `warning_…`.
    pub status: String,
    /// The intent of its payment; none when it is of a charge without one.
    pub payment_intent: Option<String>,
    #[serde(default)]
    evidence_details: Evidence,
}

impl Dispute {
    /// Until when the site may answer, milliseconds.
    pub fn evidence_due_by(&self) -> Option<i64> {
        self.evidence_details.due_by.and_then(|seconds| seconds.checked_mul(1_000))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    due_by: Option<i64>,
}
