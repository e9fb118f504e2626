//! A site's tariff as it is set and answered. What it means is in `domain::tariff` and `domain::refund`, which read it from the database
//! (docs/reference/spots.md#tariffs).

use std::collections::BTreeMap;

use domain::refund::{MAX_NOTICE_MINUTES, RefundRule};
use domain::spot::Kind;
use domain::tariff::{self, MAX_FREE_MINUTES, MAX_PRICE};
use kit::Problem;
use kit::db::Row;
use kit::input::{At, Field, Input, Int, SchemaRef, Schemas, Value, one_of, parse, parse_value};
use serde::Serialize;
use strum::VariantArray as _;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};

kit::text_type! {
    /// The code of a currency.
    #[derive(Serialize)]
    pub struct Currency, "must be three capital letters, such as INR", pattern: "^[A-Z]{3}$", is_currency
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

type Price = Int<0, MAX_PRICE>;

/// A site's prices, integer minor units of its currency, and its refunds.
#[derive(Default, Input, Serialize, ToSchema)]
#[input(
    check,
    example = r#"{"currency": "INR", "per_hour": 4000, "per_day": 30000, "free_minutes": 10, "kinds": {"ev": {"per_hour": 5000}}}"#
)]
#[schema(as = SiteTariff)]
pub struct Tariff {
    /// ISO 4217, one that Stripe charges; must be there with any price. Prices are multiples of 10 in BHD, JOD, KWD, OMR and TND, of 100 in ISK
    /// and UGX.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    currency: Option<Currency>,
    #[input(flatten)]
    #[serde(flatten)]
    prices: Prices,
    /// What kinds of spots have of their own; the rest is the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Prices>>, nullable = false)]
    kinds: Option<KindPrices>,
    /// Another name of `kinds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Prices>>, nullable = false)]
    by_kind: Option<KindPrices>,
    /// What a driver who cancels gets back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund: Option<RefundTerms>,
}

impl Tariff {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.kinds.is_none() || self.by_kind.is_none(), "by_kind", "is the same as kinds: send one");
    }

    /// What of it could never be charged, by the rules that count when a stay is priced.
    fn faults(&self) -> Vec<(String, String)> {
        let stored = serde_json::to_value(self).and_then(serde_json::from_value::<tariff::Tariff>);
        stored.map_or_else(|_| vec![("currency".to_owned(), "and prices cannot be read".to_owned())], |tariff| tariff.faults())
    }

    /// From the column `tariff`. As where prices are calculated, one that cannot be read is none.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        let json: String = row.get("tariff")?;
        Ok(parse(json.as_bytes(), 0).unwrap_or_default())
    }
}

/// Prices, integer minor units.
#[derive(Clone, Copy, Default, Input, Serialize, ToSchema)]
#[input(check)]
#[schema(as = SpotPrices)]
pub struct Prices {
    /// For an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    per_hour: Option<Price>,
    /// The most for one calendar day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    per_day: Option<Price>,
    /// Another name of `per_day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    daily_cap: Option<Price>,
    /// The least for a stay that costs anything; what Stripe takes at least when it is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    minimum: Option<Price>,
    /// Minutes at the start that cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    free_minutes: Option<Int<0, MAX_FREE_MINUTES>>,
}

impl Prices {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.per_day.is_none() || self.daily_cap.is_none(), "daily_cap", "is the same as per_day: send one");
    }
}

/// Prices by the word of a [`Kind`].
#[derive(Serialize)]
#[serde(transparent)]
struct KindPrices(BTreeMap<&'static str, Prices>);

impl Field for KindPrices {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let Value::Object(object) = value else {
            at.refuse("must be an object");
            return None;
        };
        // Each is read, also after a bad one.
        let read: Vec<_> = object
            .iter()
            .map(|(name, own)| {
                at.inside(name, |at| match name.parse::<Kind>() {
                    Ok(kind) => Prices::read_field(own, at).map(|prices| (kind.into_str(), prices)),
                    Err(_) => {
                        at.refuse(format!("is not a kind of spot: its name {}", one_of::<Kind>()));
                        None
                    }
                })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        let object =
            ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        Kind::VARIANTS.iter().fold(object, |object, kind| object.property(kind.into_str(), <Prices as Field>::schema(schemas))).into()
    }
}

impl Prices {
    fn read_field(value: &Value, at: &mut At<'_>) -> Option<Self> {
        <Self as Field>::read(value, at)
    }
}

/// What a driver who cancels gets back. The earlier, the more: the percentages never rise.
#[derive(Clone, Copy, Default, Input, Serialize, ToSchema)]
#[input(check)]
#[schema(as = SiteRefund)]
pub struct RefundTerms {
    /// All of it until so many minutes before the start; 60 unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    full_until_minutes: Option<Int<0, MAX_NOTICE_MINUTES>>,
    /// Percent of it from then until the start; 50 unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    late_percent: Option<Int<0, 100>>,
    /// Percent of it after the start; 0 unless it says otherwise. Not more than `late_percent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, nullable = false)]
    started_percent: Option<Int<0, 100>>,
}

impl RefundTerms {
    fn check(&self, at: &mut At<'_>) {
        let late = self.late_percent.map_or(RefundRule::default().late_percent, |percent| *percent);
        let falls = self.started_percent.is_none_or(|started| *started <= late);
        at.check_field(falls, "started_percent", "must not be more than late_percent");
    }
}

/// A tariff as a field of a site. What is wrong with it is said of the field as a whole, where clients look for it.
pub struct TariffField(Tariff);

impl Field for TariffField {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        if !value.is_object() {
            at.refuse("must be an object");
            return None;
        }
        match parse_value::<Tariff>(value, at.now_ms()) {
            Ok(tariff) => {
                let faults = tariff.faults();
                faults.iter().for_each(|(name, reason)| at.refuse(format!("its {name} {reason}")));
                faults.is_empty().then_some(Self(tariff))
            }
            Err(errors) => {
                for (name, reasons) in errors {
                    reasons.iter().for_each(|reason| at.refuse(format!("its {name} {reason}")));
                }
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        <Tariff as Field>::schema(schemas)
    }
}

/// As it is stored.
impl From<TariffField> for kit::db::Value {
    fn from(TariffField(tariff): TariffField) -> Self {
        serde_json::to_string(&tariff).map_or(Self::Null, Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with a tariff.
    fn faults(tariff: &Value) -> Vec<String> {
        let errors = parse_value::<Tariff>(tariff, 0).err().unwrap_or_default();
        errors.into_iter().flat_map(|(name, reasons)| reasons.into_iter().map(move |reason| format!("{name} {reason}"))).collect()
    }

    #[test]
    fn a_good_tariff_is_what_the_rules_read() {
        let sent = json!({
            "currency": "INR", "per_hour": 4000.0, "daily_cap": 30000, "free_minutes": 10, "minimum": null, "note": "x",
            "by_kind": {"ev": {"per_hour": 5000}, "accessible": {"per_hour": 0}},
            "refund": {"full_until_minutes": 120, "late_percent": 40, "started_percent": null},
        });
        let stored = serde_json::to_value(parse_value::<Tariff>(&sent, 0).unwrap()).unwrap();
        let kept = json!({
            "currency": "INR", "per_hour": 4000, "daily_cap": 30000, "free_minutes": 10,
            "by_kind": {"ev": {"per_hour": 5000}, "accessible": {"per_hour": 0}},
            "refund": {"full_until_minutes": 120, "late_percent": 40},
        });
        assert_eq!(stored, kept);
        let read: domain::tariff::Tariff = serde_json::from_value(stored).unwrap();
        assert_eq!((read.prices.per_day, read.kinds["ev"].per_hour, read.refund.late_percent), (Some(30000), Some(5000), 40));
        for harmless in [json!({}), json!({"note": 1}), json!({"currency": "EUR", "kinds": {}})] {
            assert_eq!(faults(&harmless), Vec::<String>::new());
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let found = faults(&json!({
            "currency": "rupees", "per_hour": -1, "per_day": 1.5, "free_minutes": "ten", "kinds": {"boat": {}, "ev": {"per_hour": "x"}, "vip": 3},
            "refund": {"late_percent": 10, "started_percent": 20},
        }));
        assert_eq!(found.len(), 8, "{found:#?}");
        assert_eq!(faults(&json!({"kinds": [], "refund": 3})).len(), 2);
        let unpayable = json!({"currency": "KWD", "daily_cap": 333, "by_kind": {"ev": {"per_hour": 5}}});
        let unpayable = parse_value::<Tariff>(&unpayable, 0).unwrap().faults();
        assert_eq!(unpayable.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["per_day", "kinds.ev.per_hour"]);
        let twice = json!({"currency": "INR", "per_day": 1, "daily_cap": 1, "kinds": {}, "by_kind": {}});
        assert_eq!(faults(&twice), ["by_kind is the same as kinds: send one", "daily_cap is the same as per_day: send one"]);
    }
}
