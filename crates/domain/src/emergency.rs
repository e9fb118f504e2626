//! Emergencies: what they are, how grave, what may become of them, and who should go (docs/reference/emergencies.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::geo::distance_m;
use crate::time::MINUTE_MS;

/// How many reports of one person, or one device, are taken within [`FLOOD_WINDOW_MS`]: more than any hand can send, since somebody who
/// is afraid presses more than once and one account may stand for a help desk; but a program that goes wild does not bury the others.
/// Operators have no such limit.
pub const FLOOD_REPORTS: i64 = 600;

/// The stretch of time that [`FLOOD_REPORTS`] is for, milliseconds.
pub const FLOOD_WINDOW_MS: i64 = 10 * MINUTE_MS;

/// How far off a position may be at most to be taken as it stands, metres: what satellites give in the open, and also between houses.
/// Masts and networks are off by more.
pub const EXACT_WITHIN_M: f64 = 50.0;

/// How far from a site somebody may be whose report names none, and still be taken to be at it, metres.
pub const AT_SITE_WITHIN_M: f64 = 5_000.0;

/// Whether a position is no more than a hint: it may be further off than [`EXACT_WITHIN_M`] metres, or nobody knows how far.
pub fn is_approximate(accuracy_m: Option<f64>) -> bool {
    !accuracy_m.is_some_and(|metres| metres <= EXACT_WITHIN_M)
}

/// Of these sites, each with its latitude and longitude, the one that a position belongs to: the nearest within [`AT_SITE_WITHIN_M`].
pub fn site_at<S>(at: (f64, f64), sites: impl IntoIterator<Item = (S, (f64, f64))>) -> Option<S> {
    let near = sites.into_iter().map(|(site, place)| (site, distance_m(at, place))).filter(|(_, metres)| *metres <= AT_SITE_WITHIN_M);
    near.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(site, _)| site)
}

/// What an emergency is. The public sees this word, so it is always one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = EmergencyKind)]
pub enum Kind {
    /// Someone is hurt or ill.
    Medical,
    /// Fire or smoke.
    Fire,
    /// A crush, or a crowd about to become one.
    Stampede,
    /// Violence, theft, a threat.
    Security,
    /// A vehicle, a fall, a boat.
    Accident,
    /// A child or an elder is lost.
    MissingPerson,
    /// Something gives way: a wall, a barrier, a wire.
    Structural,
    /// Anything else.
    Other,
}

impl Kind {
    /// How grave it is taken to be when its reporter does not say.
    pub const fn default_severity(self) -> Severity {
        match self {
            Self::Medical | Self::Fire | Self::Stampede => Severity::Critical,
            Self::Security | Self::Accident | Self::Structural | Self::Other => Severity::High,
            Self::MissingPerson => Severity::Medium,
        }
    }

    /// The types of resources that help, the best first. Any other comes after them.
    pub const fn helpers(self) -> &'static [&'static str] {
        match self {
            Self::Medical => &["ambulance", "medical", "first_aid"],
            Self::Fire => &["fire_engine", "fire", "security", "ambulance"],
            Self::Stampede => &["security", "police", "ambulance", "medical"],
            Self::Security => &["security", "police"],
            Self::Accident => &["ambulance", "medical", "first_aid", "security"],
            Self::MissingPerson => &["security", "volunteer", "police"],
            Self::Structural => &["maintenance", "security", "fire_engine"],
            Self::Other => &["security", "ambulance"],
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = strum::ParseError;

    /// Reads a kind in any case, in our words or in those that phones send; spaces and hyphens are as good as underscores. A word that
    /// nobody knows is an error: what is then still to be sent out goes as [`Kind::Other`].
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let word = word.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        Ok(match word.as_str() {
            "medical" | "medical_emergency" | "health" | "injury" | "ambulance" | "heart_attack" => Self::Medical,
            "fire" | "smoke" => Self::Fire,
            "stampede" | "crowd" | "crush" | "crowd_surge" | "overcrowding" => Self::Stampede,
            "security" | "violence" | "theft" | "threat" | "police" | "harassment" => Self::Security,
            "accident" | "fall" | "vehicle" | "drowning" => Self::Accident,
            "missing_person" | "missing" | "lost" | "lost_person" | "lost_child" | "missing_child" => Self::MissingPerson,
            "structural" | "infrastructure" | "collapse" | "electrical" => Self::Structural,
            "other" | "general" | "sos" => Self::Other,
            _ => return Err(strum::ParseError::VariantNotFound),
        })
    }
}

/// How grave an emergency is, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = EmergencySeverity)]
pub enum Severity {
    /// It can wait for the next free hand.
    Low,
    /// Someone should go.
    Medium,
    /// Someone must go now.
    High,
    /// Lives are at stake.
    Critical,
}

impl std::str::FromStr for Severity {
    type Err = strum::ParseError;

    /// Reads a severity in any case, also in the words of alerts: `info` is low, `warning` and `moderate` are medium, `urgent` is
    /// critical.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word.trim().to_ascii_lowercase().as_str() {
            "low" | "info" => Ok(Self::Low),
            "medium" | "moderate" | "warning" => Ok(Self::Medium),
            "high" => Ok(Self::High),
            "critical" | "urgent" => Ok(Self::Critical),
            _ => Err(strum::ParseError::VariantNotFound),
        }
    }
}

/// Where an emergency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = EmergencyStatus)]
pub enum Status {
    /// Nobody has answered yet: it climbs the escalation ladder.
    Reported,
    /// An operator has seen it.
    Acknowledged,
    /// Someone is on it.
    InProgress,
    /// Over: somebody has helped. Nothing leads out of here.
    Resolved,
    /// Over: its reporter took it back before anybody had set out. Nothing leads out of here.
    Cancelled,
    /// Over: there was no emergency, says an operator. Nothing leads out of here.
    FalseAlarm,
}

impl Status {
    /// Those of an emergency that is not over.
    pub const OPEN: [Self; 3] = [Self::Reported, Self::Acknowledged, Self::InProgress];

    /// Whether somebody has still to help.
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }

    /// Whether it turned out that nobody was in need: such a report is counted apart.
    pub const fn is_withdrawn(self) -> bool {
        matches!(self, Self::Cancelled | Self::FalseAlarm)
    }

    /// The statuses from which this one is reached; none for the first. Once somebody is on it, its reporter does not call them back:
    /// they look, and an operator ends it.
    pub const fn before(self) -> &'static [Self] {
        match self {
            Self::Reported => &[],
            Self::Acknowledged => &[Self::Reported],
            Self::InProgress => &[Self::Acknowledged],
            Self::Resolved => &[Self::InProgress],
            Self::Cancelled => &[Self::Reported, Self::Acknowledged],
            Self::FalseAlarm => &Self::OPEN,
        }
    }
}

/// A move that an emergency does not make: a 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that it has, and keeps.
    pub from: Status,
    /// The status that was asked for.
    pub to: Status,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the emergency is {}: it cannot become {}", self.from.into_str(), self.to.into_str())
    }
}

impl std::error::Error for Refusal {}

/// Whether an emergency may go from one status to another: reported → acknowledged → in progress → resolved, a step at a time; cancelled
/// by its reporter before anybody is on it; a false alarm from wherever it stands, until it is over.
///
/// # Errors
/// A [`Refusal`] for any other move, a repeat among them.
pub fn transition(from: Status, to: Status) -> Result<Status, Refusal> {
    if to.before().contains(&from) { Ok(to) } else { Err(Refusal { from, to }) }
}

/// A resource that is free to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Its type: `ambulance`, `security`, …
    pub kind: String,
    /// Where it stands: latitude and longitude.
    pub at: (f64, f64),
}

/// The candidates in the order in which they should be sent, each with its distance in metres: first the types that help with this
/// kind of emergency, in their order, and within a type the nearest. Of two that are equal the lower id comes first. Where nobody knows
/// where the emergency is, there is no distance and none is nearer.
pub fn rank(kind: Kind, at: Option<(f64, f64)>, candidates: Vec<Candidate>) -> Vec<(Candidate, Option<f64>)> {
    let helpers = kind.helpers();
    let fit = |candidate: &Candidate| helpers.iter().position(|helper| *helper == candidate.kind).unwrap_or(helpers.len());
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .map(|candidate| {
            let distance = at.map(|at| distance_m(at, candidate.at));
            (candidate, distance)
        })
        .collect();
    let metres = |distance: &Option<f64>| distance.unwrap_or_default();
    ranked.sort_by(|(a, near), (b, far)| fit(a).cmp(&fit(b)).then(metres(near).total_cmp(&metres(far))).then_with(|| a.id.cmp(&b.id)));
    ranked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn names_are_stable_and_read_back() {
        for kind in Kind::VARIANTS.iter().copied() {
            assert_eq!(kind.into_str().parse(), Ok(kind));
            // What the table `emergencies` takes.
            assert!(kind.into_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        }
        for severity in Severity::VARIANTS.iter().copied() {
            assert_eq!(severity.into_str().parse(), Ok(severity));
        }
        for status in Status::VARIANTS.iter().copied() {
            assert_eq!(status.into_str().parse(), Ok(status));
        }
        assert_eq!(" Lost-Child ".parse(), Ok(Kind::MissingPerson));
        assert_eq!("Medical Emergency".parse(), Ok(Kind::Medical));
        assert!("dragon".parse::<Kind>().is_err());
        assert_eq!("WARNING".parse(), Ok(Severity::Medium));
        assert!("purple".parse::<Severity>().is_err());
    }

    #[test]
    fn only_the_next_step_is_allowed() {
        let allowed: Vec<_> = Status::VARIANTS
            .iter()
            .copied()
            .flat_map(|from| Status::VARIANTS.iter().map(move |to| (from, *to)))
            .filter(|(from, to)| transition(*from, *to).is_ok())
            .map(|(from, to)| (from.into_str(), to.into_str()))
            .collect();
        let steps = [("reported", "acknowledged"), ("acknowledged", "in_progress"), ("in_progress", "resolved")];
        let cancelled = [("reported", "cancelled"), ("acknowledged", "cancelled")];
        let false_alarms = [("reported", "false_alarm"), ("acknowledged", "false_alarm"), ("in_progress", "false_alarm")];
        let all: Vec<_> = [&steps[..], &cancelled, &false_alarms].concat();
        assert_eq!((allowed.len(), all.iter().filter(|step| !allowed.contains(step)).count()), (all.len(), 0), "{allowed:?}");
        // What is open leads on, what is over leads nowhere.
        for status in Status::VARIANTS.iter().copied() {
            assert_eq!(status.is_open(), allowed.iter().any(|(from, _)| *from == status.into_str()), "{status:?}");
            assert!(!(status.is_open() && status.is_withdrawn()));
        }
        let refusal = transition(Status::Reported, Status::Resolved).unwrap_err();
        assert_eq!(refusal.to_string(), "the emergency is reported: it cannot become resolved");
    }

    fn candidate(id: &str, kind: &str, lat: f64) -> Candidate {
        Candidate { id: id.to_owned(), kind: kind.to_owned(), at: (lat, 70.4) }
    }

    #[test]
    fn who_helps_goes_before_who_is_near_and_the_nearest_of_those_first() {
        let candidates = vec![
            candidate("guard", "security", 20.888),
            candidate("far", "ambulance", 20.95),
            candidate("near", "ambulance", 20.89),
            candidate("b", "elephant", 20.888),
            candidate("a", "elephant", 20.888),
        ];
        let ids = |kind| -> Vec<_> {
            rank(kind, Some((20.888, 70.4)), candidates.clone()).into_iter().map(|(candidate, _)| candidate.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Kind::Medical), ["near", "far", "a", "b", "guard"]);
        assert_eq!(ids(Kind::Security), ["guard", "a", "b", "near", "far"]);
        assert!(rank(Kind::Fire, Some((0.0, 0.0)), Vec::new()).is_empty());
        // Who helps is known without a position, who is near is not.
        let ranked = rank(Kind::Medical, None, candidates.clone());
        assert!(ranked.iter().all(|(_, distance)| distance.is_none()));
        let ids: Vec<_> = ranked.into_iter().map(|(candidate, _)| candidate.id).collect();
        assert_eq!(ids, ["far", "near", "a", "b", "guard"]);
    }

    #[test]
    fn a_position_is_exact_only_when_somebody_says_so() {
        assert!(is_approximate(None) && is_approximate(Some(50.1)) && is_approximate(Some(f64::NAN)));
        assert!(!is_approximate(Some(50.0)) && !is_approximate(Some(0.0)));
    }

    #[test]
    fn a_position_belongs_to_the_nearest_site_and_far_away_to_none() {
        let sites = [("somnath", (20.8880, 70.4013)), ("car park", (20.8890, 70.4013)), ("dwarka", (22.2376, 68.9674))];
        assert_eq!(site_at((20.8881, 70.4014), sites), Some("somnath"));
        assert_eq!(site_at((20.8889, 70.4014), sites), Some("car park"));
        assert_eq!(site_at((22.25, 68.97), sites), Some("dwarka"));
        assert_eq!(site_at((21.5, 70.0), sites), None);
        assert_eq!(site_at((f64::NAN, 70.0), sites), None);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_status_never_goes_back(asked in prop::collection::vec(0..Status::VARIANTS.len(), 0..20)) {
            let mut status = Status::Reported;
            for index in asked {
                if let Ok(next) = transition(status, Status::VARIANTS[index]) {
                    prop_assert!(next > status);
                    status = next;
                }
            }
        }

        #[test]
        fn nobody_is_lost_in_the_ranking(lats in prop::collection::vec(prop::num::f64::ANY, 0..20)) {
            let candidates: Vec<_> = lats.iter().enumerate().map(|(index, lat)| candidate(&index.to_string(), "ambulance", *lat)).collect();
            prop_assert_eq!(rank(Kind::Medical, Some((20.0, 70.0)), candidates).len(), lats.len());
        }

        #[test]
        fn no_word_panics(word in ".*") {
            let _ = word.parse::<Kind>();
            let _ = word.parse::<Severity>();
            let _ = word.parse::<Status>();
        }
    }
}
