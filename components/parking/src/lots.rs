//! Lot counts, as the parking security server keeps them (docs/reference/rules.md#lot-counts).

use axum::Json;
use axum::response::{IntoResponse, Response};
use const_format::concatcp;
use domain::anomaly::{Change, DEFAULT_LOW_SPOTS, Kind, low_spots_in_lot};
use domain::role::Role;
use domain::site::MAX_LOTS;
use domain::time::{SECOND_MS, YEAR_2000_MS};
use kit::api::{Created, Request, Respond, answers_schema};
use kit::caller::{Caller, SYSTEM, Sender};
use kit::db::{self, Database, DbError, Executor as _, Fetch as _, Transaction};
use kit::input::{At, Input, Int, Recent, Slug, Text, Timestamp, any_of_schemas};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::system_alerts::{self, SystemAlert};
use kit::{Answer, Problem, params, sites};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};

/// A count of a lot's free spots.
#[derive(Serialize, FromRow, ToSchema)]
pub struct LotCount {
    /// The lot's name.
    parking_lot: String,
    /// How many spots were free.
    available_spots: i64,
    /// When it was counted.
    #[row(column = "at")]
    timestamp: Timestamp,
    /// The site that it belongs to; null when nobody has said.
    site: Option<String>,
}

const COLUMNS: &str = "parking_lot, available_spots, at, site";

/// Which lots.
#[derive(Input)]
pub struct Filters {
    /// One lot alone, in any case of its letters.
    parking_lot: Option<Text<1, 100>>,
}

/// The latest count of each lot, and that of the lot which was counted last.
///
/// A client of the parking security server reads the three fields of one lot, and knows no list: here they stand beside it, also where
/// `plain_lists` is on.
#[derive(Serialize)]
pub struct AllLots {
    items: Vec<LotCount>,
    next_cursor: Option<String>,
    /// None when no lot was counted yet, and beyond the first page.
    #[serde(flatten)]
    newest: Option<LotCount>,
}

/// The counts of all lots, or one count when a lot was named.
pub enum LatestCounts {
    /// Of all lots.
    All(AllLots),
    /// Of the lot that was named.
    One(LotCount),
}

impl IntoResponse for LatestCounts {
    fn into_response(self) -> Response {
        match self {
            Self::All(all) => Json(all).into_response(),
            Self::One(count) => Json(count).into_response(),
        }
    }
}

impl Respond for LatestCounts {
    fn describe(request: &mut Request<'_>) {
        let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let page = Page::<LotCount>::schema(request.schemas)
            .property("parking_lot", text("Of the lot that was counted last, like the two that follow; on the first page."))
            .property(
                "available_spots",
                ObjectBuilder::new().schema_type(Type::Integer).description(Some("How many of its spots were free.")),
            )
            .property("timestamp", text("When it was counted.").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
            .property(
                "site",
                ObjectBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                    .description(Some("The site that it belongs to; null when nobody has said.")),
            );
        let one = utoipa::openapi::Ref::from_schema_name(LotCount::name()).into();
        let description =
            "A page of the list, beside the count of the lot that was counted last; with `parking_lot`, the count of that lot.";
        answers_schema(request, 200, description, any_of_schemas([page.into(), one]));
    }
}

/// Lists the latest count of each lot by `parking_lot`; with `parking_lot`, returns that of this lot alone.
///
/// Beside the list stand the fields of the lot that was counted last.
#[utoipa::path(get, path = "/api/parking-data", responses((status = 404, description = "There is no lot of this name.")))]
pub async fn read_latest(listing: Listing<Filters>) -> Answer<LatestCounts> {
    if let Some(lot) = listing.filters.parking_lot.as_deref() {
        let count = Database.fetch_optional(concatcp!("select ", COLUMNS, " from lots where parking_lot = ?"), params![lot])?;
        return count.map(LatestCounts::One).ok_or_else(|| Problem::not_found("parking lot"));
    }
    let start = concatcp!("select ", COLUMNS, " from lots where parking_lot > coalesce(?, '')");
    let after = listing.after_text(0);
    let counts: Vec<LotCount> = Select::new(start, params![after]).fetch(&Database, "parking_lot", listing.fetch())?;
    let newest = match after {
        None => Database.fetch_optional(concatcp!("select ", COLUMNS, " from lots order by at desc, parking_lot limit 1"), params![])?,
        Some(_) => None,
    };
    let Page { items, next_cursor, .. } = listing.page(counts, |count: &LotCount| [count.parking_lot.clone()]);
    Ok(LatestCounts::All(AllLots { items, next_cursor, newest }))
}

/// A count of a lot's free spots.
#[derive(Input)]
#[input(check, example = r#"{"parking_lot": "North Gate", "available_spots": 42, "timestamp": "2026-02-04T10:30:00Z"}"#)]
pub struct NewLotCount {
    /// The lot's name.
    parking_lot: Text<1, 100>,
    /// How many spots are free.
    available_spots: Int<0, 10_000_000>,
    /// When it was counted; now unless it says otherwise.
    timestamp: Option<Recent>,
    /// The site that the lot belongs to from now on, whose devices may count it. For people to say.
    site: Option<Slug>,
}

impl NewLotCount {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.timestamp.is_none_or(|sent| sent.0 >= YEAR_2000_MS), "timestamp", "is before the year 2000");
    }
}

/// Adds a count of a lot.
///
/// A device counts the lots of its own site: the lot that has the site's slug or name, and those of which a person has said so with `site`.
/// The count with the newest timestamp is the latest.
#[utoipa::path(
    post,
    path = "/api/parking-data/add",
    responses(
        (status = 404, description = "There is no lot of this name, and devices make none."),
        (status = 409, description = "There is a count of this lot at this time already, or a new lot would be one too many.")
    )
)]
pub async fn create(caller: Caller<Sender>, Now(now): Now, Body(new): Body<NewLotCount>) -> Answer<Created<LotCount>> {
    // An account of the role `device` that stands for none may count nothing.
    let device = (caller.0.role == Role::Device).then(|| caller.0.device.as_deref().unwrap_or_default());
    if device.is_some() && new.site.is_some() {
        return Err(Problem::invalid_field("site", "is for people to say"));
    }
    let (lot, available_spots) = (new.parking_lot.into_string(), *new.available_spots);
    let stored = db::transaction(|transaction| {
        let at = match new.timestamp {
            Some(sent) => sent.0,
            None => next_time(transaction, &lot, now)?,
        };
        // The trigger on `lot_counts` keeps `lots`, where the newest timestamp wins.
        let stored = transaction.run(
            concatcp!(
                "insert into lot_counts (parking_lot, at, available_spots, received_at, sent_by)
                 select ?1, ?2, ?3, ?4, ?5
                 where iif(?6 is null,
                     exists (select 1 from lots where parking_lot = ?1) or (select count(*) from lots) < ",
                MAX_LOTS,
                ",
                     exists (
                         select 1 from devices d join sites s on s.slug = d.site
                         where d.code = ?6 and d.is_active = 1
                             and iif(exists (select 1 from lots where parking_lot = ?1 and site is not null),
                                 exists (select 1 from lots l where l.parking_lot = ?1 and l.site = d.site),
                                 ?1 = s.slug collate nocase or ?1 = s.name collate nocase)
                     ))
                 returning at"
            ),
            params![&lot, at, available_spots, now, caller.0.id, device],
        );
        match stored {
            Ok(rows) if rows.is_empty() => return Err(refused(transaction, device, &lot)?),
            Ok(_) => {}
            Err(DbError::Unique(_)) => return Err(Problem::conflict("there is a count of this lot at this time already")),
            Err(error) => return Err(error.into()),
        }
        set_site(transaction, device, &lot, new.site.as_deref())?;
        update_low_spots(transaction, &lot, at, now)?;
        let site = transaction.fetch_scalar("select site from lots where parking_lot = ?", params![&lot])?.flatten();
        Ok(LotCount { parking_lot: lot.clone(), available_spots, timestamp: Timestamp(at), site })
    })?;
    Ok(Created(stored))
}

/// Why a count was not stored.
fn refused(transaction: &Transaction, device: Option<&str>, lot: &str) -> Answer<Problem> {
    let Some(device) = device else {
        return Ok(Problem::conflict(concatcp!("there are ", MAX_LOTS, " lots, and no more can be made")));
    };
    if !transaction.exists("select 1 from devices where code = ? and is_active = 1", params![device])? {
        return Ok(Problem::forbidden("this device is not active"));
    }
    let is_known = transaction.exists("select 1 from lots where parking_lot = ?", params![lot])?;
    Ok(if is_known { Problem::forbidden("this lot is not of the device's own site") } else { Problem::not_found("parking lot") })
}

/// Keeps whose the lot is: as a person has said, or, of the lot that has the name of a device's own site, that site.
fn set_site(transaction: &Transaction, device: Option<&str>, lot: &str, site: Option<&str>) -> Answer<()> {
    let stored = match (device, site) {
        (Some(device), _) => transaction.run(
            "update lots set site = (select site from devices where code = ?) where parking_lot = ? and site is null",
            params![device, lot],
        ),
        (None, Some(site)) => transaction.run("update lots set site = ? where parking_lot = ?", params![site, lot]),
        (None, None) => return Ok(()),
    };
    match stored {
        Err(DbError::Foreign) => Err(sites::unknown_in_body("site", "site")),
        other => other.map(drop).map_err(Problem::from),
    }
}

/// The time of a count that came without one: those that came in the same millisecond are no repeats of each other.
fn next_time(transaction: &Transaction, lot: &str, now: i64) -> Answer<i64> {
    let latest = "select max(at) from lot_counts where parking_lot = ? and at >= ? and at < ?";
    let latest: Option<Option<i64>> = transaction.fetch_scalar(latest, params![lot, now, now + SECOND_MS])?;
    Ok(latest.flatten().map_or(now, |at| at + 1))
}

/// The latest count of a lot, with the limit and the size of the site of that name.
#[derive(FromRow)]
struct Latest {
    parking_lot: String,
    available_spots: i64,
    low: bool,
    slug: Option<String>,
    capacity: Option<i64>,
    low_spots: Option<i64>,
}

/// Raises or resolves `low_spots` after the count of `at`, unless a newer one was there already.
fn update_low_spots(transaction: &Transaction, lot: &str, at: i64, now: i64) -> Answer<()> {
    let latest: Option<Latest> = transaction.fetch_optional(
        "select l.parking_lot, l.available_spots, l.low, s.slug, s.capacity, s.low_spots
         from lots l left join sites s on s.slug = lower(l.parking_lot)
         where l.parking_lot = ? and l.at = ?",
        params![lot, at],
    )?;
    let Some(Latest { parking_lot: lot, available_spots: free, low: was_low, slug, capacity, low_spots }) = latest else { return Ok(()) };
    let total = capacity.filter(|capacity| *capacity > 0).unwrap_or(i64::MAX);
    let change = low_spots_in_lot(free, total, low_spots.unwrap_or(DEFAULT_LOW_SPOTS));
    let is_low = change.apply(was_low);
    if is_low == was_low {
        return Ok(());
    }
    transaction.run("update lots set low = ? where parking_lot = ?", params![is_low, &lot])?;
    // Not the bare name: the scheduled run speaks of a site of that name by what its sensors say.
    let subject = format!("lot:{lot}");
    if change == Change::Raise {
        let message = format!("{lot} has {free} free spots");
        system_alerts::raise(transaction, &SystemAlert::of(Kind::LowSpots, &subject, slug.as_deref(), None, message), now)?;
    } else {
        system_alerts::resolve(transaction, &[Kind::LowSpots], &[&subject], SYSTEM, now)?;
    }
    Ok(())
}
