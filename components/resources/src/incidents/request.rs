//! Incidents as they are sent.

use domain::emergency::Severity;
use kit::input::{Id, Input, Patch, Recent, Slug, Text};

use super::IncidentStatus;
use crate::type_word::TypeWord;

/// A new incident.
#[derive(Input)]
#[input(read_only("id", "created_at", "created_by", "updated_at", "updated_by", "history"))]
#[input(example = r#"{
    "temple_id": "somnath", "type": "fire", "severity": "high", "title": "Fire in the kitchen", "actions": "Put out with a blanket",
    "occurred_at": "2026-01-04T10:30:00Z"
}"#)]
pub struct NewIncident {
    /// The temple's slug.
    #[input(alias("site"))]
    pub temple_id: Slug,
    /// What kind it is.
    #[input(alias("incident_type"))]
    pub r#type: TypeWord,
    /// `medium` when it is not sent.
    pub severity: Option<Severity>,
    /// What it was, in a line.
    pub title: Text<1, 200>,
    /// What happened.
    pub description: Option<Text<1, 10_000>>,
    /// What was done.
    #[input(alias("actions_taken"))]
    pub actions: Option<Text<1, 10_000>>,
    /// `open` when it is not sent.
    pub status: Option<IncidentStatus>,
    /// The emergency that it was, if it was one.
    pub emergency_id: Option<Id>,
    /// Now when it is not sent.
    #[input(alias("timestamp"))]
    pub occurred_at: Option<Recent>,
}

/// A change of an incident: what is not sent stays; null clears an optional field.
#[derive(Input)]
#[input(read_only("id", "created_at", "created_by", "updated_at", "updated_by", "history"))]
#[input(example = r#"{"status": "closed", "actions": "Put out; the wiring was replaced"}"#)]
pub struct IncidentChange {
    /// The temple's slug.
    #[input(alias("site"))]
    pub temple_id: Option<Slug>,
    /// What kind it is.
    #[input(alias("incident_type"))]
    pub r#type: Option<TypeWord>,
    /// How grave it was.
    pub severity: Option<Severity>,
    /// What it was, in a line.
    pub title: Option<Text<1, 200>>,
    /// What happened; null for none.
    pub description: Patch<Text<1, 10_000>>,
    /// What was done.
    #[input(alias("actions_taken"))]
    pub actions: Patch<Text<1, 10_000>>,
    /// Whether it is closed.
    pub status: Option<IncidentStatus>,
    /// The emergency that it was, if it was one.
    pub emergency_id: Patch<Id>,
    /// When it happened: at most 5 minutes ahead.
    #[input(alias("timestamp"))]
    pub occurred_at: Option<Recent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid() {
        let now = domain::time::parse_rfc3339("2026-02-04T10:30:00Z").unwrap();
        kit::input::parse::<NewIncident>(NewIncident::example().unwrap().as_bytes(), now).unwrap();
        kit::input::parse::<IncidentChange>(IncidentChange::example().unwrap().as_bytes(), now).unwrap();
    }
}
