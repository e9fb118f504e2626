//! What the events carry that no route answers with. Triggers of the schema write them: a test compares what comes with these types.

use domain::crowd::{Density, Level};
use domain::emergency::{Kind as EmergencyKind, Severity, Status};
use domain::health::Health;
use domain::overview::SpotState;
use domain::spot::Kind as SpotKind;
use kit::input::Timestamp;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An alert that is gone, or not for this reader any more.
#[derive(Serialize, ToSchema)]
pub struct AlertDeleted {
    /// The alert's id.
    id: String,
}

/// An upload of a recording, which has got on. For operators.
#[derive(Serialize, ToSchema)]
pub struct RecordingTransferEvent {
    /// The upload's id.
    transfer_id: String,
    /// The recording's id.
    recording_id: String,
    /// The camera's code.
    camera_id: String,
    /// `pending`, `uploading`, `completed` or `failed`.
    transfer_status: String,
    /// How many bytes the bucket has.
    sent_bytes: i64,
    /// How many there are; null before it is whole.
    total_bytes: Option<i64>,
    /// Why the last attempt failed; null when it did not.
    error: Option<String>,
}

/// An emergency's bare facts, as everybody is told of it.
#[derive(Serialize, ToSchema)]
pub struct PublicEmergency {
    /// The emergency's id.
    id: String,
    /// The slug of the temple, or of another site; null when it is not known.
    temple_id: Option<String>,
    /// What kind it is.
    r#type: EmergencyKind,
    /// How grave it is.
    severity: Severity,
    /// How far it is.
    status: Status,
}

/// The count of a zone.
#[derive(Serialize, ToSchema)]
pub struct CrowdEvent {
    /// The temple's slug.
    temple_id: String,
    /// The zone's code.
    zone: String,
    /// People in it.
    count: i64,
    /// How many people it holds; null when nobody has said.
    capacity: Option<i64>,
    /// How full it is, percent; null when the capacity is not known.
    percent_of_capacity: Option<f64>,
    /// Persons per square metre; null when the area is not known.
    density: Option<f64>,
    /// The level by the share of its capacity, or, if worse, by its density; null when neither is known.
    level: Option<Level>,
    /// The level by its density; null when the area is not known.
    density_level: Option<Density>,
    /// When they were counted.
    timestamp: Timestamp,
}

/// The position of a shuttle.
#[derive(Serialize, ToSchema)]
pub struct ShuttleEvent {
    /// The shuttle's code.
    shuttle_id: String,
    /// The temple's slug.
    temple_id: String,
    /// The code of the route that it serves; null for none.
    route_id: Option<String>,
    /// Latitude, degrees.
    lat: f64,
    /// Longitude, degrees.
    lng: f64,
    /// Kilometres an hour; null when nobody has said.
    speed_kmh: Option<f64>,
    /// Degrees from north; null when nobody has said.
    heading: Option<f64>,
    /// Passengers on board; null when nobody has said.
    passengers: Option<i64>,
    /// How many it takes.
    capacity: i64,
    /// When it was there.
    timestamp: Timestamp,
}

/// The state of a parking spot, which has turned.
#[derive(Serialize, ToSchema)]
pub struct SpotEvent {
    /// The slug of its site.
    site: String,
    /// The spot's id.
    spot_id: String,
    /// The code of its zone.
    zone: String,
    /// What it is reserved and priced by.
    kind: SpotKind,
    /// What it is now.
    status: SpotState,
}

/// The health of a device, which has turned. For operators.
#[derive(Serialize, ToSchema)]
pub struct DeviceEvent {
    /// The slug of its site.
    site: String,
    /// The device's code.
    device_code: String,
    /// The code of its zone; null when it is on a spot of none.
    zone: Option<String>,
    /// The spot that it is on; null for none.
    spot_id: Option<String>,
    /// What it is now.
    health: Health,
}

/// The count of a lot.
#[derive(Serialize, ToSchema)]
pub struct LotEvent {
    /// The lot's name.
    parking_lot: String,
    /// Spots that are free.
    available_spots: i64,
}

/// Events were missed that are not kept any more: load the present state again.
#[derive(Serialize, ToSchema)]
pub struct Reset {
    /// Why, in words.
    reason: String,
}

/// The schemas of these types and of those that they refer to, by name.
pub fn schemas() -> Vec<(String, RefOr<Schema>)> {
    fn add<T: ToSchema + PartialSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(all);
        all.push((T::name().into_owned(), T::schema()));
    }
    let mut all = Vec::new();
    add::<AlertDeleted>(&mut all);
    add::<RecordingTransferEvent>(&mut all);
    add::<PublicEmergency>(&mut all);
    add::<CrowdEvent>(&mut all);
    add::<ShuttleEvent>(&mut all);
    add::<SpotEvent>(&mut all);
    add::<DeviceEvent>(&mut all);
    add::<LotEvent>(&mut all);
    add::<Reset>(&mut all);
    all
}
