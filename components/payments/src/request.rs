//! What requests for payments share.

use kit::input::{At, Field, Input, SchemaRef, Schemas, Value};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// What a card is made of. It must not reach us: it is refused before anybody looks at it.
#[derive(Debug, Input)]
#[expect(dead_code, reason = "the fields are there to be refused")]
pub struct NoCardData {
    card: Refused,
    card_number: Refused,
    number: Refused,
    cvc: Refused,
    cvv: Refused,
    exp_month: Refused,
    exp_year: Refused,
    expiry: Refused,
}

/// A field that must not be sent.
#[derive(Debug)]
struct Refused;

impl Field for Refused {
    fn read(_: &Value, at: &mut At<'_>) -> Option<Self> {
        at.refuse("must not be sent here: the card's data goes from its holder to Stripe");
        None
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        ObjectBuilder::new().schema_type(Type::Null).description(Some("Must not be sent here.")).into()
    }
}
