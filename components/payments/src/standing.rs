//! How a payment stands at Stripe: its intent, or the session of its checkout page and the intent that somebody has made there.

use kit::{Problem, config};

use crate::checkout;
use crate::model::Payment;
use crate::stripe::{Failure, Intent, Session, Stripe};

/// What Stripe has of a payment.
#[derive(Debug)]
pub struct Standing {
    /// Of its checkout page; none where the intent is made here, or was asked for by itself.
    pub session: Option<Session>,
    /// None while nobody has tried to pay on the page.
    pub intent: Option<Intent>,
}

impl From<Intent> for Standing {
    fn from(intent: Intent) -> Self {
        Self { session: None, intent: Some(intent) }
    }
}

impl Standing {
    /// Of a session, with its intent as it is now.
    pub async fn of_session(stripe: &Stripe, session: Session) -> Result<Self, Failure> {
        let intent = match &session.payment_intent {
            Some(intent) => Some(stripe.intent(intent).await?),
            None => None,
        };
        Ok(Self { session: Some(session), intent })
    }

    /// As it is now; made where Stripe has not been asked, or its answer was lost.
    pub async fn fetch(stripe: &Stripe, payment: &Payment) -> Result<Self, Failure> {
        let session = match (&payment.item, &payment.session) {
            (Some(_), Some(session)) => stripe.session(session).await?,
            (Some(item), None) => checkout::open_session(stripe, payment, item).await?,
            (None, _) => {
                let intent = match &payment.intent {
                    Some(intent) => stripe.intent(intent).await?,
                    None => stripe.create(&payment.id, payment.amount, &payment.currency, &payment.reservation).await?,
                };
                return Ok(intent.into());
            }
        };
        Self::of_session(stripe, session).await
    }

    /// Whether somebody may still pay by it.
    pub fn is_open(&self) -> bool {
        match (&self.session, &self.intent) {
            (Some(session), _) if session.is_open() => true,
            // Who has to pay at a bank or a shop, by what the page has given them.
            (Some(session), Some(intent)) => session.is_complete() && intent.is_open() && intent.status != "requires_payment_method",
            (Some(_), None) | (None, None) => false,
            (None, Some(intent)) => intent.is_open(),
        }
    }

    /// Whether its page was closed, and nothing was paid there or comes of it any more.
    pub fn is_closed_unpaid(&self) -> bool {
        self.session.is_some() && !self.is_open() && self.intent.as_ref().is_none_or(Intent::is_open)
    }

    /// In Stripe's words: the intent's, or while there is none the session's.
    pub fn status(&self) -> String {
        let of_session = || self.session.as_ref().and_then(|session| session.status.clone());
        self.intent.as_ref().map(|intent| intent.status.clone()).or_else(of_session).unwrap_or_default()
    }

    /// Sees to it that nobody pays by it any more; how it stands then. It may be paid all the same, just before.
    pub async fn close(self, stripe: &Stripe, payment: &Payment) -> Result<Self, Failure> {
        let closed = match (&self.session, &self.intent) {
            (Some(session), _) if session.is_open() => stripe.expire_session(&session.id).await.map(drop),
            (_, Some(intent)) => match stripe.cancel(&intent.id, &payment.id).await {
                Ok(intent) if self.session.is_none() => return Ok(intent.into()),
                other => other.map(drop),
            },
            _ => return Ok(self),
        };
        match closed {
            Ok(()) | Err(Failure::Refused { .. }) => {}
            Err(away) => return Err(away),
        }
        match (self.session, self.intent) {
            (Some(session), _) => Self::of_session(stripe, stripe.session(&session.id).await?).await,
            (None, Some(intent)) => Ok(stripe.intent(&intent.id).await?.into()),
            (None, None) => Ok(Self { session: None, intent: None }),
        }
    }
}

/// Where people reach us: the variable `public_origin`, scheme, host and port; none when it is unset.
pub async fn public_origin() -> Result<Option<String>, Problem> {
    let origin = config::origin("public_origin").await?;
    Ok(origin.filter(|origin| origin.starts_with("https://") || origin.starts_with("http://")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standing(session: Option<&str>, intent: Option<&str>) -> Standing {
        let session = session.map(|status| serde_json::from_value(json!({"id": "cs_1", "status": status})).unwrap());
        let intent =
            intent.map(|status| serde_json::from_value(json!({"id": "pi_1", "status": status, "amount": 1, "currency": "inr"})).unwrap());
        Standing { session, intent }
    }

    #[test]
    fn a_page_is_open_until_it_is_closed_or_something_was_paid() {
        for (session, intent, is_open, is_closed_unpaid) in [
            (Some("open"), None, true, false),
            (Some("open"), Some("requires_action"), true, false),
            (Some("expired"), None, false, true),
            (Some("expired"), Some("requires_payment_method"), false, true),
            (Some("complete"), Some("requires_action"), true, false),
            (Some("complete"), Some("processing"), false, false),
            (Some("complete"), Some("succeeded"), false, false),
            // The bank has refused it afterwards; the page is not there any more.
            (Some("complete"), Some("requires_payment_method"), false, true),
            (None, Some("requires_payment_method"), true, false),
            (None, Some("canceled"), false, false),
        ] {
            let standing = standing(session, intent);
            assert_eq!((standing.is_open(), standing.is_closed_unpaid()), (is_open, is_closed_unpaid), "{standing:?}");
        }
    }

    #[test]
    fn its_status_is_the_intent_s_or_the_page_s() {
        assert_eq!(standing(Some("open"), None).status(), "open");
        assert_eq!(standing(Some("complete"), Some("succeeded")).status(), "succeeded");
        assert_eq!(standing(None, None).status(), "");
    }
}
