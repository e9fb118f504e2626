//! Reading alerts, for operators.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::alert::{Severity, Source, Status};
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Slug, Text, Timestamp};
use kit::kept::{Kept, Made, Sources, Topics};
use kit::page::{Listing, Order, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, actor, params};

use crate::model::{self, Alert, AlertDetail, AlertHistory, AlertStep};
use crate::schedule;

/// Which alerts.
#[derive(Input)]
pub struct Filters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those of this severity.
    severity: Option<Severity>,
    /// Only those of this status.
    status: Option<Status>,
    /// Only those of this type.
    alert_type: Option<Text<1, 64>>,
    /// Only those that this raised.
    source: Option<Source>,
    /// Only those of this camera, by its code.
    camera_id: Option<Text<1, 100>>,
    /// Only those of this vehicle.
    vehicle_id: Option<Text<1, 100>>,
    /// Only those at this place, as it was sent.
    location: Option<Text<1, 200>>,
    /// Those that happened at this time or later.
    from: Option<Timestamp>,
    /// Those that happened before this time.
    to: Option<Timestamp>,
    /// The newest first unless it says otherwise.
    order: Option<Order>,
}

const SELECT: &str = concatcp!("select ", model::COLUMNS, " from alerts where ");

/// What alerts are shown from.
pub const TOPICS: Topics = kit::topics!(Alerts);

/// Lists alerts, the newest first.
#[utoipa::path(get, path = "/api/alerts")]
pub async fn list(_: Caller<Operator>, Now(now): Now, listing: Listing<Filters>) -> Answer<Kept<Page<Alert>>> {
    Kept::find(listing.request(), Sources::of(TOPICS), now, || {
        schedule::expire(now)?;
        let filters = &listing.filters;
        let (start, order) = match filters.order {
            Some(Order::Asc) => (concatcp!(SELECT, "id > coalesce(?, '')"), "id"),
            // Above every id in SQLite's order of text.
            _ => (concatcp!(SELECT, "id < coalesce(?, '~')"), "id desc"),
        };
        let alerts = Select::new(start, params![listing.after_text(0)])
            .and_if("site = ?", filters.site.as_deref())
            .and_if("severity = ?", filters.severity)
            .and_if("status = ?", filters.status)
            .and_if("alert_type = ?", filters.alert_type.as_deref())
            .and_if("source = ?", filters.source)
            .and_if("camera_id = ?", filters.camera_id.as_deref())
            .and_if("vehicle_id = ?", filters.vehicle_id.as_deref())
            .and_if("location = ?", filters.location.as_deref())
            .and_if("at >= ?", filters.from)
            .and_if("at < ?", filters.to)
            .fetch(&Database, order, listing.fetch())?;
        Ok(Made::until(listing.page(alerts, |alert: &Alert| [alert.id.clone()]), [schedule::next_expiry(now)?]))
    })
}

/// Returns an alert with its history: each step with who and when.
#[utoipa::path(get, path = "/api/alerts/{id}")]
pub async fn detail(_: Caller<Operator>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<AlertDetail>> {
    schedule::expire(now)?;
    let alert = Database.fetch_optional(concatcp!(SELECT, "id = ?"), params![&id])?.ok_or_else(model::not_found)?;
    Ok(Json(AlertDetail { alert, history: steps(&id)? }))
}

fn steps(id: &str) -> Answer<Vec<AlertStep>> {
    const STEPS: &str =
        concatcp!("select at, actor, ", actor::NAME, " as actor_name, action, detail from alert_history where alert_id = ? order by id");
    Database.fetch_all(STEPS, params![id])
}

/// Returns every step of an alert with who and when, also of one that was deleted.
#[utoipa::path(get, path = "/api/alerts/{id}/history")]
pub async fn history(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<AlertHistory>> {
    let items = steps(&id)?;
    if items.is_empty() { Err(model::not_found()) } else { Ok(Json(AlertHistory { items })) }
}
