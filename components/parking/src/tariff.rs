//! A site's tariff as it is sent: checked field by field, kept as it came. What it means is in `domain::tariff` and `domain::refund`.

use domain::refund::MAX_NOTICE_MINUTES;
use domain::tariff::{MAX_FREE_MINUTES, MAX_PRICE};
use kit::fields::Fields;
use serde_json::{Value, json};

use crate::spots::KINDS;

/// What is wrong with a tariff: empty when nothing is. `{currency, per_hour?, per_day?, free_minutes?, minimum?, kinds?: {kind: {…}}, refund?:
/// {full_until_minutes?, late_percent?, started_percent?}}`; further fields are left alone.
pub fn faults(tariff: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    judge(tariff, "", &mut faults, |fields| {
        let code = fields.opt_text("currency", 1..=8);
        let is_code = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        fields.check(code.as_deref().is_none_or(is_code), "currency", "must be three capital letters, such as INR");
        prices(fields);
        let priced = ["per_hour", "per_day", "daily_cap", "minimum"].iter().any(|name| fields.has(name));
        fields.check(!priced || fields.has("currency"), "currency", "is required with a price");
    });
    if tariff.get("kinds").is_some() && tariff.get("by_kind").is_some() {
        faults.push("its kinds and by_kind are the same: send one".to_owned());
    }
    match tariff.get("kinds").or_else(|| tariff.get("by_kind")) {
        None => {}
        Some(Value::Object(kinds)) => {
            for (kind, own) in kinds {
                if KINDS.contains(&kind.as_str()) {
                    judge(own, &format!("kinds.{kind}."), &mut faults, prices);
                } else {
                    faults.push(format!("its kinds.{kind} is not a kind of spot: {}", KINDS.join(", ")));
                }
            }
        }
        Some(_) => faults.push("its kinds must be an object".to_owned()),
    }
    if let Some(refund) = tariff.get("refund") {
        judge(refund, "refund.", &mut faults, |fields| {
            fields.opt_int("full_until_minutes", 0..=MAX_NOTICE_MINUTES);
            let late = fields.opt_int("late_percent", 0..=100);
            let started = fields.opt_int("started_percent", 0..=100);
            let falls = started.is_none_or(|started| started <= late.unwrap_or(50));
            fields.check(falls, "started_percent", "must not be more than late_percent");
        });
    }
    faults
}

/// What prices are made of.
const NUMBERS: [&str; 5] = ["per_hour", "per_day", "daily_cap", "minimum", "free_minutes"];
/// What a refund rule is made of.
const SHARES: [&str; 3] = ["full_until_minutes", "late_percent", "started_percent"];

fn prices(fields: &mut Fields) {
    fields.check(!(fields.has("per_day") && fields.has("daily_cap")), "daily_cap", "is the same as per_day: send one");
    for name in ["per_hour", "per_day", "daily_cap", "minimum"] {
        fields.opt_int(name, 0..=MAX_PRICE);
    }
    fields.opt_int("free_minutes", 0..=MAX_FREE_MINUTES);
}

fn judge(value: &Value, prefix: &str, faults: &mut Vec<String>, read: impl FnOnce(&mut Fields)) {
    // `4000.0` would be read as a whole number, and null as none, but the rules take the one not at all and the other for a price alone.
    for (name, value) in value.as_object().into_iter().flatten() {
        let wrong = (NUMBERS.contains(&name.as_str()) && value.is_f64())
            || (SHARES.contains(&name.as_str()) && (value.is_f64() || value.is_null()));
        if wrong {
            faults.push(format!("its {prefix}{name} must be a whole number"));
        }
    }
    match Fields::of(if value.is_object() { value.clone() } else { json!([]) }) {
        Ok(mut fields) => {
            read(&mut fields);
            for (name, reasons) in fields.errors() {
                for fault in reasons.iter().map(|reason| format!("its {prefix}{name} {reason}")) {
                    if !faults.contains(&fault) {
                        faults.push(fault);
                    }
                }
            }
        }
        Err(_) => faults.push(format!("its {} must be an object", prefix.trim_end_matches('.'))),
    }
}

#[cfg(test)]
mod tests {
    use domain::tariff::Tariff;

    use super::*;

    #[test]
    fn a_good_tariff_is_what_the_rules_read() {
        let tariff = json!({
            "currency": "INR", "per_hour": 4000, "per_day": 30000, "free_minutes": 10, "minimum": 1000, "note": null,
            "kinds": {"ev": {"per_hour": 5000}, "accessible": {"per_hour": 0}},
            "refund": {"full_until_minutes": 120, "late_percent": 40, "started_percent": 10},
        });
        assert_eq!(faults(&tariff), Vec::<String>::new());
        let read: Tariff = serde_json::from_value(tariff).unwrap();
        assert_eq!(read.refund.late_percent, 40);
        assert_eq!(faults(&json!({"currency": "INR", "per_day": 1, "daily_cap": 1, "kinds": {}, "by_kind": {}})).len(), 2);
        for harmless in [json!({}), json!({"note": 1}), json!({"currency": "EUR"}), json!({"currency": "EUR", "kinds": {}})] {
            assert_eq!(faults(&harmless), Vec::<String>::new());
            serde_json::from_value::<Tariff>(harmless).unwrap();
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let found = faults(&json!({
            "currency": "rupees", "per_hour": -1, "per_day": 1.5, "free_minutes": "ten", "kinds": {"boat": {}, "ev": {"per_hour": "x"}, "vip": 3},
            "refund": {"late_percent": 10, "started_percent": 20},
        }));
        assert_eq!(found.len(), 8, "{found:#?}");
        assert_eq!(faults(&json!({"per_hour": 1})), ["its currency is required with a price"]);
        assert_eq!(faults(&json!({"kinds": [], "refund": 3})).len(), 2);
        assert_eq!(faults(&json!({"kinds": null, "refund": null})).len(), 2);
        assert_eq!(faults(&json!({"refund": {"late_percent": null}})), ["its refund.late_percent must be a whole number"]);
    }
}
