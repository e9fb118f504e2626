//! What a device measured, or all of them did, as it was sent or in buckets.

use axum::response::{IntoResponse, Response};
use const_format::formatcp;
use ingest::single::StoredReading;
use kit::api::{Request, Respond, answers_schema};
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::any_of_schemas;
use kit::page::{Listing, Order, Page};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

use crate::buckets::{self, Bucket};
use crate::filters::{Device, ReadingFilters};

/// A page of readings, or of buckets.
pub enum Readings {
    Stored(Page<StoredReading>),
    Buckets(Page<Bucket>),
}

impl IntoResponse for Readings {
    fn into_response(self) -> Response {
        match self {
            Self::Stored(page) => page.into_response(),
            Self::Buckets(page) => page.into_response(),
        }
    }
}

impl Respond for Readings {
    fn describe(request: &mut Request<'_>) {
        let pages = [Page::<StoredReading>::schema(request.schemas).into(), Page::<Bucket>::schema(request.schemas).into()];
        answers_schema(request, 200, "A page of readings, or of buckets when `bucket` was given.", any_of_schemas(pages));
    }
}

/// Lists readings in the order of time.
///
/// Without `device` all devices' readings, one device after the other. With `bucket`, which needs its device, figures by time: from the
/// readings, or from their roll-ups, as `level` of each says. Readings are removed after `readings_days`; their roll-ups stay.
#[utoipa::path(get, path = "/api/telemetry", responses((status = 404, description = "There is no such device.")))]
pub async fn list(_: Caller<Operator>, listing: Listing<ReadingFilters>) -> Answer<Readings> {
    match (listing.filters.span.device()?, listing.filters.bucket()) {
        (Some(device), Some(width)) => buckets::page(&listing, &device, width).map(Readings::Buckets),
        (Some(device), None) => of_device(&listing, &device).map(Readings::Stored),
        (None, None) => of_all(&listing).map(Readings::Stored),
        (None, Some(_)) => Err(Problem::invalid_field("device", "is required with bucket")),
    }
}

fn of_device(listing: &Listing<ReadingFilters>, device: &Device) -> Result<Page<StoredReading>, Problem> {
    let (from, to) = listing.filters.span.span();
    let after = listing.after_int(0);
    let (sql, from, to) = match listing.filters.order {
        Some(Order::Desc) => (OF_DEVICE_DESC, from, after.map_or(to, |at| to.min(at.saturating_sub(1)))),
        _ => (OF_DEVICE, after.map_or(from, |at| from.max(at.saturating_add(1))), to),
    };
    let readings: Vec<StoredReading> = Database.fetch_all(sql, params![device.id, from, to, listing.fetch(), &device.code])?;
    Ok(listing.page(readings, |reading| [reading.timestamp.0]))
}

const COLUMNS: &str = "r.at, r.received_at, r.voltage, r.current, r.power_factor, r.power_w, r.battery, r.occupied, r.flags";

const OF_DEVICE: &str = formatcp!(
    "select ?5 as device_code, {COLUMNS} from readings r where r.device_id = ?1 and r.at >= ?2 and r.at <= ?3 order by r.at limit ?4"
);

const OF_DEVICE_DESC: &str = formatcp!(
    "select ?5 as device_code, {COLUMNS} from readings r where r.device_id = ?1 and r.at >= ?2 and r.at <= ?3 order by r.at desc limit ?4"
);

/// A reading with the row id of its device, which the order is by.
#[derive(FromRow)]
struct ReadingRow {
    device_id: i64,
    #[row(flatten)]
    reading: StoredReading,
}

/// The table is kept by device and time, so this is its own order; each device costs one look into the key.
fn of_all(listing: &Listing<ReadingFilters>) -> Result<Page<StoredReading>, Problem> {
    let (from, to) = listing.filters.span.span();
    let after = listing.after_int(0).zip(listing.after_int(1));
    let readings: Vec<ReadingRow> = match listing.filters.order {
        Some(Order::Desc) => {
            let (device, at) = after.unwrap_or((i64::MAX, i64::MAX));
            Database.fetch_all(OF_ALL_DESC, params![device, at.saturating_sub(1), from, to, listing.fetch()])?
        }
        _ => {
            let (device, at) = after.unwrap_or((i64::MIN, i64::MIN));
            Database.fetch_all(OF_ALL, params![device, at.saturating_add(1), from, to, listing.fetch()])?
        }
    };
    Ok(listing.page(readings, |row| (row.device_id, row.reading.timestamp.0)).map(|row| row.reading))
}

const FROM_ALL: &str = formatcp!("select {COLUMNS}, d.code as device_code, d.id as device_id from devices d cross join readings r");

const OF_ALL: &str = formatcp!(
    "{FROM_ALL} on r.device_id = d.id and r.at >= iif(d.id = ?1, max(?2, ?3), ?3) and r.at <= ?4
     where d.id >= ?1 order by d.id, r.at limit ?5"
);

const OF_ALL_DESC: &str = formatcp!(
    "{FROM_ALL} on r.device_id = d.id and r.at >= ?3 and r.at <= iif(d.id = ?1, min(?2, ?4), ?4)
     where d.id <= ?1 order by d.id desc, r.at desc limit ?5"
);
