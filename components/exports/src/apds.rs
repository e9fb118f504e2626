//! APDS 4.0, the interface of the Alliance for Parking Data Standards (ISO/TS 5206-1): places, their rates, and the rights that tie them together.
//! The names are its own, in `camelCase`.

mod model;
mod places;
mod rates;
mod rights;

use kit::Answer;
use kit::kept::{Made, Publication};
use kit::request::{Now, Query};
use kit::spots::next_claim_moment;
use kit::{Problem, db::Database};
use serde::Serialize;

use crate::media::{Form, Published};
use crate::publisher::Publisher;
use crate::scope::{self, Filters, Scope};
use model::{HierarchyElementList, RateTableList, RightSpecificationList};

/// Returns car parks, their zones and their spaces as APDS places, with their occupancy.
#[utoipa::path(get, path = "/api/export/apds/places")]
pub async fn places(Now(now): Now, Query(filters): Query<Filters>) -> Answer<Published<HierarchyElementList>> {
    find("places", filters, now, places::list).await
}

/// Returns the prices of car parks as APDS rate tables.
#[utoipa::path(get, path = "/api/export/apds/rates")]
pub async fn rates(Now(now): Now, Query(filters): Query<Filters>) -> Answer<Published<RateTableList>> {
    find("rates", filters, now, rates::list).await
}

/// Returns what may be done at car parks, and by which rates, as APDS right specifications.
#[utoipa::path(get, path = "/api/export/apds/rights/specs")]
pub async fn right_specifications(Now(now): Now, Query(filters): Query<Filters>) -> Answer<Published<RightSpecificationList>> {
    find("rights", filters, now, rights::list).await
}

async fn find<T: Serialize>(what: &str, filters: Filters, now: i64, list: impl FnOnce(&Scope, &Publisher) -> T) -> Answer<Published<T>> {
    let publisher = Publisher::read().await?;
    let key = format!("apds {what} {}\n{}", filters.site.as_deref().unwrap_or_default(), filters.zone.as_deref().unwrap_or_default());
    let publication = Publication::find(&key, Form::Json.media_type(), scope::sources(), now, || {
        let scope = Scope::parking(&filters, now)?;
        let body = serde_json::to_vec(&list(&scope, &publisher)).map_err(Problem::internal)?;
        Ok(Made::until(body, [next_claim_moment(&Database, now)?]))
    })?;
    Ok(Published::new(publication))
}
