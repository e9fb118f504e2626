//! Alerts: how grave they are and what may become of them (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// How grave an alert is, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = AlertSeverity)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Someone should look.
    Warning,
    /// Someone must act now: sent out at once, and climbs the escalation ladder.
    Critical,
}

impl std::str::FromStr for Severity {
    type Err = strum::ParseError;

    /// Reads a severity in any case, in our words or in those of the old systems: `low` is info, `medium` and
    /// `moderate` are warning, `high` and `urgent` are critical.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.trim().to_ascii_lowercase().as_str() {
            "info" | "low" => Ok(Self::Info),
            "warning" | "medium" | "moderate" => Ok(Self::Warning),
            "critical" | "high" | "urgent" => Ok(Self::Critical),
            _ => Err(strum::ParseError::VariantNotFound),
        }
    }
}

/// Who raised an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = AlertSource)]
pub enum Source {
    /// A person, or a client with a person's account.
    Manual,
    /// Gatehouse itself: a device that went offline, an anomaly, a crowded zone.
    System,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = AlertStatus)]
pub enum Status {
    /// Raised, and no one has answered.
    Active,
    /// Someone has it in hand.
    Acknowledged,
    /// Over. Nothing leads out of here.
    Resolved,
}

impl Status {
    /// The states of alerts that are not over.
    pub const OPEN: [Self; 2] = [Self::Active, Self::Acknowledged];
}

/// What an operator, or the rule that raised it, may do to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = AlertAction)]
pub enum Action {
    /// Take it in hand.
    Acknowledge,
    /// Declare it over.
    Resolve,
}

/// An action that does not fit the alert's status: a 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that the alert has, and keeps.
    pub from: Status,
    /// What was asked for.
    pub action: Action,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the alert is {}: it cannot be {}d", self.from.into_str(), self.action.into_str())
    }
}

impl std::error::Error for Refusal {}

/// The status after an action: active → acknowledged → resolved, or active → resolved.
///
/// # Errors
/// A [`Refusal`] for any other move, a repeat among them.
pub const fn transition(from: Status, action: Action) -> Result<Status, Refusal> {
    match (from, action) {
        (Status::Active, Action::Acknowledge) => Ok(Status::Acknowledged),
        (Status::Active | Status::Acknowledged, Action::Resolve) => Ok(Status::Resolved),
        _ => Err(Refusal { from, action }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn the_words_of_the_old_systems_are_understood() {
        for (word, severity) in [
            ("info", Severity::Info),
            ("Low", Severity::Info),
            ("warning", Severity::Warning),
            ("MEDIUM", Severity::Warning),
            ("moderate", Severity::Warning),
            ("High", Severity::Critical),
            (" urgent ", Severity::Critical),
            ("critical", Severity::Critical),
        ] {
            assert_eq!(word.parse(), Ok(severity), "{word}");
        }
        assert!("fatal".parse::<Severity>().is_err());
        assert!("".parse::<Severity>().is_err());
    }

    #[test]
    fn names_are_stable() {
        for severity in Severity::VARIANTS {
            assert_eq!(severity.into_str().parse(), Ok(*severity));
        }
        for status in Status::VARIANTS {
            assert_eq!(status.into_str().parse(), Ok(*status));
        }
    }

    #[test]
    fn only_forward_moves_are_allowed() {
        use Action::{Acknowledge, Resolve};
        use Status::{Acknowledged, Active, Resolved};
        assert_eq!(transition(Active, Acknowledge), Ok(Acknowledged));
        assert_eq!(transition(Active, Resolve), Ok(Resolved));
        assert_eq!(transition(Acknowledged, Resolve), Ok(Resolved));
        for (from, action) in [(Acknowledged, Acknowledge), (Resolved, Acknowledge), (Resolved, Resolve)] {
            assert_eq!(transition(from, action), Err(Refusal { from, action }));
        }
        assert_eq!(transition(Resolved, Acknowledge).unwrap_err().to_string(), "the alert is resolved: it cannot be acknowledged");
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_status_never_goes_back(actions in prop::collection::vec(any::<bool>(), 0..20)) {
            let mut status = Status::Active;
            for acknowledge in actions {
                let action = if acknowledge { Action::Acknowledge } else { Action::Resolve };
                let next = transition(status, action);
                if status == Status::Resolved {
                    prop_assert!(next.is_err());
                }
                if let Ok(next) = next {
                    prop_assert!(next > status);
                    status = next;
                }
            }
        }
    }
}
