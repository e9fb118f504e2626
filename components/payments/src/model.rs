//! A payment as it is stored, as far as the modules that talk to Stripe need it.

use const_format::{concatcp, formatcp};
use domain::payment::PaymentState;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::stripe::{Intent, Session};

/// The states that may still lead to money, as the partial indexes have them.
pub const UNDERWAY: &str = formatcp!(
    "('{}', '{}', '{}')",
    PaymentState::UNDERWAY[0].into_str(),
    PaymentState::UNDERWAY[1].into_str(),
    PaymentState::UNDERWAY[2].into_str()
);

/// The columns of [`Payment`].
pub const COLUMNS: &str = "id, reservation, user_id, amount, currency, intent, session, item, created_at";

/// To be followed by a condition.
pub const SELECT: &str = concatcp!("select ", COLUMNS, " from payments");

/// A payment.
#[derive(Clone, Debug, FromRow)]
pub struct Payment {
    pub id: String,
    pub reservation: String,
    pub user_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217, capital letters.
    pub currency: String,
    /// Stripe's id of its intent; none until Stripe has answered, or somebody pays on its checkout page.
    pub intent: Option<String>,
    /// Stripe's id of the session of its checkout page; none until Stripe has answered, or where the intent is made here.
    pub session: Option<String>,
    /// What its checkout page says is paid for; none where the intent is made here.
    pub item: Option<String>,
    /// When it was made, milliseconds.
    pub created_at: i64,
}

impl Payment {
    /// The one of this id.
    pub fn find(id: &str) -> Result<Option<Self>, Problem> {
        Database.fetch_optional(concatcp!(SELECT, " where id = ?"), params![id])
    }

    /// The one of this intent: by Stripe's id of it, or, when we died before that was written down, by what the intent says of itself.
    pub fn find_by_intent(intent: &Intent) -> Result<Option<Self>, Problem> {
        let known = Database.fetch_optional(concatcp!(SELECT, " where intent = ?"), params![&intent.id])?;
        if known.is_some() {
            return Ok(known);
        }
        let named = intent.metadata.get("payment_id").map(|id| Self::find(id)).transpose()?.flatten();
        Ok(named.filter(|payment: &Self| payment.intent.is_none()))
    }

    /// The one of this session of a checkout page, found in the same way.
    pub fn find_by_session(session: &Session) -> Result<Option<Self>, Problem> {
        let known = Database.fetch_optional(concatcp!(SELECT, " where session = ?"), params![&session.id])?;
        if known.is_some() {
            return Ok(known);
        }
        let named = session.metadata.as_ref().and_then(|metadata| metadata.get("payment_id"));
        let named = named.map(|id| Self::find(id)).transpose()?.flatten();
        Ok(named.filter(|payment: &Self| payment.item.is_some() && payment.session.is_none()))
    }
}
