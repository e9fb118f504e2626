//! Alerts: how grave they are and what may become of them (contract §6).

use serde::{Deserialize, Serialize};

/// How grave an alert is, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Someone should look.
    Warning,
    /// Someone must act now: sent out at once, and climbs the escalation ladder.
    Critical,
}

impl Severity {
    /// Every severity, from least to most.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The stable name: `info`, `warning`, `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Reads a severity in any case, in our words or in those of the old systems: `low` is info, `medium` and
    /// `moderate` are warning, `high` and `urgent` are critical.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "info" | "low" => Some(Self::Info),
            "warning" | "medium" | "moderate" => Some(Self::Warning),
            "critical" | "high" | "urgent" => Some(Self::Critical),
            _ => None,
        }
    }
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Raised, and no one has answered.
    Active,
    /// Someone has it in hand.
    Acknowledged,
    /// Over. Nothing leads out of here.
    Resolved,
}

impl Status {
    /// Every status, in the order in which an alert passes through them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Acknowledged, Self::Resolved];

    /// The stable name: `active`, `acknowledged`, `resolved`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The status of that name, exactly as [`as_str`](Self::as_str) writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// What an operator, or the rule that raised it, may do to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Take it in hand.
    Acknowledge,
    /// Declare it over.
    Resolve,
}

impl Action {
    /// The verb as it stands in the path and in the audit log: `acknowledge`, `resolve`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
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
        write!(f, "the alert is {}: it cannot be {}d", self.from.as_str(), self.action.as_str())
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
            assert_eq!(Severity::parse(word), Some(severity), "{word}");
        }
        assert_eq!(Severity::parse("fatal"), None);
        assert_eq!(Severity::parse(""), None);
    }

    #[test]
    fn names_are_stable() {
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
        }
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
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
