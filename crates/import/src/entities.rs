//! From an old record to rows here, by what the record is. A mapping takes the fields that it knows out of the record; what it leaves is told.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::row::Row;
use crate::source::Entity;

mod alerts;
mod cameras;
mod darshan;
mod emergencies;
mod money;
mod people;
mod places;
mod recordings;
mod reservations;
mod series;

/// Names of a record's own id; both of them where it has both.
pub const ID: [&str; 2] = ["id", "_id"];

/// When a record was made.
const CREATED: &[&str] = &["created_at", "date_joined", "created", "createdAt"];

impl Entity {
    /// Whether its rows are a series: known by what they are of and when, with no id to keep.
    pub const fn is_series(self) -> bool {
        matches!(self, Self::Telemetry | Self::ParkingLog | Self::LotCounts | Self::Crowd)
    }

    /// Whether the triggers on its table keep the present state of devices, which the past is no part of.
    pub const fn is_of_devices(self) -> bool {
        matches!(self, Self::Telemetry | Self::ParkingLog)
    }

    /// Writes a record.
    pub fn write(self, row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
        match self {
            Self::Users => people::user(row, cx),
            Self::Zones => places::zone(row, cx),
            Self::Spots => places::spot(row, cx),
            Self::Devices => places::device(row, cx),
            Self::Telemetry => series::reading(row, cx),
            Self::ParkingLog => series::occupancy(row, cx),
            Self::LotCounts => series::lot_count(row, cx),
            Self::Crowd => series::crowd(row, cx),
            Self::Cameras => cameras::camera(row, cx),
            Self::CameraAccess => cameras::access(row, cx),
            Self::Schedules => recordings::schedule(row, cx),
            Self::Recordings => recordings::recording(row, cx),
            Self::Slots => darshan::slot(row, cx),
            Self::Bookings => darshan::booking(row, cx),
            Self::Emergencies => emergencies::emergency(row, cx),
            Self::Alerts => alerts::alert(row, cx),
            Self::Reservations => reservations::reservation(row, cx),
            Self::Payments => reservations::payment(row, cx),
        }
    }
}
