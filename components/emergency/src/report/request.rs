//! A report as it is sent.

use std::collections::BTreeMap;

use domain::emergency::Severity;
use kit::input::{Input, Number, Slug};

use crate::origin::Origin;
use crate::tolerant::{Position, ReportedKind, Sent, Words};

/// What somebody reports: its `type` is enough. What else is missing or not understood is noted in the answer, and never refused.
#[derive(Input)]
#[input(example = r#"{
    "temple_id": "somnath", "type": "medical", "description": "An old man has fallen near the steps",
    "location": {"lat": 20.8881, "lng": 70.4014}, "accuracy_m": 12
}"#)]
pub struct EmergencyReport {
    /// The temple's slug. One that is missing or unknown is taken from the position, where that is within 5 km of a site.
    #[input(alias("site"))]
    pub temple_id: Sent<Slug>,
    /// `medical`, `fire`, `stampede`, `security`, `accident`, `missing_person`, `structural`, `other`, or a usual other word for one of
    /// these. A word that nobody knows is no reason to turn somebody away: it is filed as `other`, and kept for operators.
    #[input(rename = "type", alias("emergency_type"))]
    pub kind: ReportedKind,
    /// At most 2,000 characters are kept.
    pub description: Words<2000>,
    /// Where it is: `{lat, lng}`, perhaps with `accuracy_m`. A text is kept as the place in words.
    pub location: Sent<Position>,
    /// How far off the position may be, metres. One that may be further off than 50, or does not say, is marked as approximate.
    #[input(alias("accuracy"))]
    accuracy_m: Sent<Number<0, 50_000_000>>,
    /// When it is not sent, it follows from the type.
    severity: Sent<Severity>,
}

impl EmergencyReport {
    /// How grave it is: as its reporter says, or as its kind is taken to be.
    pub fn severity(&self) -> Severity {
        self.severity.understood().copied().unwrap_or_else(|| self.kind.kind.default_severity())
    }

    /// How far off the position may be, metres; none where nobody says.
    pub fn accuracy_m(&self) -> Option<f64> {
        let position = self.location.understood()?;
        self.accuracy_m.understood().map(|metres| **metres).or(position.accuracy_m)
    }

    /// What was missing or not understood, by field.
    pub fn notes(&self, origin: &Origin) -> BTreeMap<&'static str, Vec<String>> {
        let description = match &self.description {
            words if words.is_cut => Some("was longer: its first 2000 characters are kept".to_owned()),
            words => words.some().is_none().then(|| "was not sent".to_owned()),
        };
        let kind = self.kind.word.as_ref().map(|word| format!("\"{word}\" is none that is known: filed as other"));
        let severity = Some(&self.severity).filter(|sent| matches!(sent, Sent::Strange(_))).and_then(Sent::note);
        let accuracy = Some(&self.accuracy_m).filter(|sent| matches!(sent, Sent::Strange(_))).and_then(Sent::note);
        // A panic button has no position of its own: where it is is known in words.
        let location = self.location.note().filter(|_| origin.button.is_none() || !matches!(self.location, Sent::Nothing));
        let severity = severity.map(|note| format!("{note}; taken as {}", self.severity().into_str()));
        [
            ("temple_id", origin.note.clone()),
            ("type", kind),
            ("description", description),
            ("location", location),
            ("accuracy_m", accuracy),
            ("severity", severity),
        ]
        .into_iter()
        .filter_map(|(field, note)| Some((field, vec![note?])))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::emergency::Kind;
    use kit::Problem;
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<EmergencyReport, Problem> {
        kit::input::parse(body.to_string().as_bytes(), 0)
    }

    fn noted(report: &EmergencyReport) -> Vec<&'static str> {
        report.notes(&Origin::default()).into_keys().collect()
    }

    #[test]
    fn what_is_not_said_follows_from_the_type() {
        let body = json!({ "temple_id": "somnath", "type": "medical", "description": "he fell", "location": { "lat": 20.9, "lng": 70.4 } });
        let report = parse(body.clone()).unwrap();
        assert_eq!((report.kind.kind, report.severity(), report.kind.word.is_none()), (Kind::Medical, Severity::Critical, true));
        assert!(noted(&report).is_empty());
        let mut mild = body.clone();
        mild["severity"] = "low".into();
        assert_eq!(parse(mild).unwrap().severity(), Severity::Low);
        let mut strange = body;
        strange["type"] = "an elephant".into();
        let report = parse(strange).unwrap();
        assert_eq!((report.kind.kind, report.kind.word.as_deref()), (Kind::Other, Some("an elephant")));
        assert_eq!(noted(&report), ["type"]);
    }

    #[test]
    fn a_type_alone_is_enough_and_what_is_not_understood_is_noted() {
        let report = parse(json!({ "type": "fire" })).unwrap();
        assert_eq!((report.kind.kind, report.severity(), report.accuracy_m()), (Kind::Fire, Severity::Critical, None));
        assert_eq!(noted(&report), ["description", "location"]);
        let body = json!({
            "temple_id": 3, "type": "", "description": " ", "location": { "lat": 91, "lng": "x" }, "severity": "purple", "accuracy_m": "near",
        });
        let report = parse(body).unwrap();
        assert_eq!((report.kind.kind, report.severity()), (Kind::Other, Severity::High));
        assert_eq!(noted(&report), ["accuracy_m", "description", "location", "severity"]);
        for none in [json!({}), json!({ "type": null }), json!([])] {
            assert_eq!(parse(none).err().expect("nobody knows what it is").status(), 422);
        }
    }

    #[test]
    fn how_far_off_a_position_is_may_stand_beside_it_or_in_it() {
        let accuracy = |body: Value| parse(body).unwrap().accuracy_m();
        assert_eq!(accuracy(json!({ "type": "fire", "location": { "lat": 1, "lng": 2 }, "accuracy_m": 8 })), Some(8.0));
        assert_eq!(accuracy(json!({ "type": "fire", "location": { "lat": 1, "lng": 2, "accuracy": 9 } })), Some(9.0));
        assert_eq!(accuracy(json!({ "type": "fire", "accuracy_m": 8 })), None);
    }

    #[test]
    fn the_example_is_valid() {
        kit::input::parse::<EmergencyReport>(EmergencyReport::example().unwrap().as_bytes(), 0).unwrap();
    }
}
