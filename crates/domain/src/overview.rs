//! The state of a spot, and the sums of a dashboard (docs/reference/spots.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// What a spot is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SpotState {
    /// Anyone may park.
    Free,
    /// Someone is parked.
    Occupied,
    /// Kept for someone who has not come yet.
    Reserved,
    /// Closed, whoever stands on it.
    OutOfService,
}

impl SpotState {
    /// The one state of a spot of which several are true: out of service beats occupied beats reserved beats free.
    pub const fn from_flags(out_of_service: bool, occupied: bool, reserved: bool) -> Self {
        if out_of_service {
            Self::OutOfService
        } else if occupied {
            Self::Occupied
        } else if reserved {
            Self::Reserved
        } else {
            Self::Free
        }
    }

    /// The state in the words of the parking clients' slots (docs/reference/clients.md): `available` where one may park, else `occupied`.
    pub const fn slot_status(self) -> &'static str {
        match self {
            Self::Free => "available",
            Self::Occupied | Self::Reserved | Self::OutOfService => "occupied",
        }
    }
}

/// How many spots are in each state. `total` is always the sum of the other four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SpotCounts)]
pub struct Counts {
    /// All spots, those out of service among them.
    pub total: i64,
    /// Spots where anyone may park.
    pub free: i64,
    /// Spots that are taken.
    pub occupied: i64,
    /// Spots that are kept and still empty.
    pub reserved: i64,
    /// Spots that are closed.
    pub out_of_service: i64,
}

impl Counts {
    /// Counts one more spot.
    pub const fn add(&mut self, state: SpotState) {
        self.add_many(state, 1);
    }

    /// Counts `spots` more spots of one state, as a grouped query gives them.
    pub const fn add_many(&mut self, state: SpotState, spots: i64) {
        let count = match state {
            SpotState::Free => &mut self.free,
            SpotState::Occupied => &mut self.occupied,
            SpotState::Reserved => &mut self.reserved,
            SpotState::OutOfService => &mut self.out_of_service,
        };
        *count = count.saturating_add(spots);
        self.total = self.total.saturating_add(spots);
    }
}

impl FromIterator<SpotState> for Counts {
    fn from_iter<I: IntoIterator<Item = SpotState>>(states: I) -> Self {
        let mut counts = Self::default();
        for state in states {
            counts.add(state);
        }
        counts
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            total: a.total.saturating_add(b.total),
            free: a.free.saturating_add(b.free),
            occupied: a.occupied.saturating_add(b.occupied),
            reserved: a.reserved.saturating_add(b.reserved),
            out_of_service: a.out_of_service.saturating_add(b.out_of_service),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn out_of_service_beats_occupied_beats_reserved_beats_free() {
        assert_eq!(SpotState::from_flags(true, true, true), SpotState::OutOfService);
        assert_eq!(SpotState::from_flags(false, true, true), SpotState::Occupied);
        assert_eq!(SpotState::from_flags(false, false, true), SpotState::Reserved);
        assert_eq!(SpotState::from_flags(false, false, false), SpotState::Free);
        assert_eq!(SpotState::Free.slot_status(), "available");
        assert_eq!(SpotState::Reserved.slot_status(), "occupied");
    }

    #[test]
    fn the_json_has_the_documented_names() {
        let counts = Counts::from_iter([SpotState::Free, SpotState::OutOfService]);
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"total":2,"free":1,"occupied":0,"reserved":0,"out_of_service":1}"#);
    }

    proptest! {
        #[test]
        fn each_spot_is_counted_once(spots in prop::collection::vec(any::<(bool, bool, bool)>(), 0..200), cut: prop::sample::Index) {
            let states: Vec<SpotState> = spots.iter().map(|&(a, b, c)| SpotState::from_flags(a, b, c)).collect();
            let counts: Counts = states.iter().copied().collect();
            prop_assert_eq!(counts.total, states.len() as i64);
            prop_assert_eq!(counts.total, counts.free + counts.occupied + counts.reserved + counts.out_of_service);
            let (left, right) = states.split_at(cut.index(states.len() + 1));
            let parts: Counts = [left, right].map(|part| part.iter().copied().collect::<Counts>()).into_iter().sum();
            prop_assert_eq!(parts, counts);
        }
    }
}
