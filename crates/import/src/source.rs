//! The five systems, what their tables are called, and in which order what they hold is moved.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A system whose data is moved in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Source {
    /// Parking security: lot counts, alerts, cameras (MongoDB)
    S1,
    /// Smart slot monitoring: zones, slots, devices, telemetry (PostgreSQL, Django)
    S2,
    /// Pilgrim assistance: slots, bookings, crowds, emergencies, alerts (MongoDB)
    S3,
    /// CCTV management: cameras, access rules, schedules, recordings (PostgreSQL, Django)
    S4,
    /// IoT parking: spots, sensors, reservations, payments (PostgreSQL)
    S5,
}

/// What a record is. Declared in the order in which they are moved: what is referred to comes before what refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Entity {
    /// An account.
    Users,
    /// A zone of a site.
    Zones,
    /// A parking spot; S2's slot.
    Spots,
    /// A sensor.
    Devices,
    /// An electrical reading.
    Telemetry,
    /// An occupancy event.
    ParkingLog,
    /// A count of a lot's free spots.
    LotCounts,
    /// A camera.
    Cameras,
    /// Who may use a camera.
    CameraAccess,
    /// When a camera is recorded.
    Schedules,
    /// What was recorded.
    Recordings,
    /// A darshan slot of a date.
    Slots,
    /// A darshan booking.
    Bookings,
    /// A count of people in a zone.
    Crowd,
    /// An emergency.
    Emergencies,
    /// An alert.
    Alerts,
    /// A reservation of a spot.
    Reservations,
    /// A payment of a reservation.
    Payments,
}

/// What tables and collections are called, each in the plural and the singular; a prefix and an underscore (that of a Django application) may
/// stand before the name.
const NAMES: &[(Source, Entity, &[&str])] = &[
    (Source::S1, Entity::Users, &["users", "user", "customuser"]),
    (Source::S1, Entity::LotCounts, &["parking_data", "parkingdata"]),
    (Source::S1, Entity::Cameras, &["cameras", "camera"]),
    (Source::S1, Entity::Alerts, &["alerts", "alert"]),
    (Source::S2, Entity::Users, &["users", "user", "customuser"]),
    (Source::S2, Entity::Zones, &["zones", "zone", "parking_zone", "parkingzone"]),
    (Source::S2, Entity::Spots, &["slots", "slot", "parking_slot", "parkingslot"]),
    (Source::S2, Entity::Devices, &["devices", "device"]),
    (Source::S2, Entity::Telemetry, &["telemetry", "telemetrydata", "telemetry_data"]),
    (Source::S2, Entity::ParkingLog, &["parking_log", "parkinglog", "parking_logs", "parkinglogs"]),
    (Source::S3, Entity::Users, &["users", "user"]),
    (Source::S3, Entity::Zones, &["zones", "zone"]),
    (Source::S3, Entity::Slots, &["slots", "slot", "darshan_slots", "time_slots"]),
    (Source::S3, Entity::Bookings, &["bookings", "booking"]),
    (Source::S3, Entity::Crowd, &["crowd", "crowd_data", "crowd_readings"]),
    (Source::S3, Entity::Emergencies, &["emergencies", "emergency"]),
    (Source::S3, Entity::Alerts, &["alerts", "alert"]),
    (Source::S4, Entity::Users, &["users", "user", "customuser"]),
    (Source::S4, Entity::Cameras, &["cameras", "camera"]),
    (Source::S4, Entity::CameraAccess, &["camera_access", "cameraaccess"]),
    (Source::S4, Entity::Schedules, &["schedules", "schedule", "recording_schedule", "recording_schedules", "recordingschedule"]),
    (Source::S4, Entity::Recordings, &["recordings", "recording"]),
    (Source::S5, Entity::Users, &["users", "user"]),
    (Source::S5, Entity::Zones, &["zones", "zone"]),
    (Source::S5, Entity::Spots, &["spots", "spot", "parking_spots", "parking_spot"]),
    (Source::S5, Entity::Devices, &["sensors", "sensor", "devices", "device"]),
    (Source::S5, Entity::Telemetry, &["telemetry", "sensor_readings", "sensor_data"]),
    (Source::S5, Entity::ParkingLog, &["parking_log", "occupancy_log", "occupancy_events"]),
    (Source::S5, Entity::Reservations, &["reservations", "reservation"]),
    (Source::S5, Entity::Payments, &["payments", "payment"]),
];

impl Source {
    /// What a table of this name holds; none when that is not known. Of two names that fit the longer counts: `camera_access` is no `access`.
    pub fn entity(self, table: &str) -> Option<Entity> {
        let table = table.to_ascii_lowercase();
        let table = table.rsplit('.').next().unwrap_or_default();
        let fits = |name: &str| table == name || table.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('_'));
        let known = NAMES.iter().filter(|(source, ..)| *source == self);
        let known = known.flat_map(|(_, entity, names)| names.iter().map(move |name| (*entity, *name)));
        known.filter(|(_, name)| fits(name)).max_by_key(|(_, name)| name.len()).map(|(entity, _)| entity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_with_and_without_the_prefix_of_an_application() {
        for (source, table, entity) in [
            (Source::S1, "parking_data", Some(Entity::LotCounts)),
            (Source::S1, "security_parkingdata", Some(Entity::LotCounts)),
            (Source::S2, "public.auth_user", Some(Entity::Users)),
            (Source::S2, "slots_slot", Some(Entity::Spots)),
            (Source::S2, "telemetry_telemetrydata", Some(Entity::Telemetry)),
            (Source::S2, "auth_user_groups", None),
            (Source::S2, "django_session", None),
            (Source::S4, "cctv_cameraaccess", Some(Entity::CameraAccess)),
            (Source::S4, "cctv_recordingschedule", Some(Entity::Schedules)),
            (Source::S4, "spots", None),
            (Source::S5, "Reservations", Some(Entity::Reservations)),
        ] {
            assert_eq!(source.entity(table), entity, "{table}");
        }
    }
}
