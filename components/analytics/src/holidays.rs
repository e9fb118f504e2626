//! Public holidays, festivals and closures of a site, which forecasts know ahead: `/api/sites/{site}/holidays`.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::booking_slot::Date;
use domain::forecast::Special;
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{Input, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params, sites};
use serde::Serialize;
use utoipa::ToSchema;

/// A day that is not as its weekday.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Holiday {
    /// The day, by the site's clock.
    date: Date,
    /// What it is called.
    name: String,
    /// What forecasts take it for.
    kind: Special,
    /// When it was last written.
    updated_at: Timestamp,
}

/// What a day is.
#[derive(Input)]
#[input(example = r#"{"name": "Diwali", "kind": "festival"}"#)]
pub struct HolidayInput {
    /// What it is called.
    name: Text<1, 200>,
    /// `holiday`, like a Sunday until such days have shown what they are like, unless it says otherwise; `festival`; `closed`.
    kind: Option<Special>,
}

/// Which days.
#[derive(Input)]
pub struct HolidayFilters {
    /// The first date.
    from: Option<Date>,
    /// The last date.
    to: Option<Date>,
}

const COLUMNS: &str = "date, name, kind, updated_at";

fn date_at_path(text: &str) -> Answer<Date> {
    Date::parse(text).ok_or_else(|| Problem::not_found("date"))
}

fn not_found() -> Problem {
    Problem::not_found("holiday")
}

/// Lists the holidays of a site, by date.
#[utoipa::path(get, path = "/api/sites/{site}/holidays")]
pub async fn list(Path(site): Path<String>, listing: Listing<HolidayFilters>) -> Answer<Page<Holiday>> {
    sites::require_in_path(&Database, &site, "site")?;
    let select = concatcp!("select ", COLUMNS, " from holidays where site = ? and date > coalesce(?, '')");
    let holidays = Select::new(select, params![&site, listing.after_text(0)])
        .and_if("date >= ?", listing.filters.from)
        .and_if("date <= ?", listing.filters.to)
        .fetch(&Database, "date", listing.fetch())?;
    Ok(listing.page(holidays, |holiday: &Holiday| [holiday.date]))
}

/// Returns a holiday of a site.
#[utoipa::path(get, path = "/api/sites/{site}/holidays/{date}")]
pub async fn read(Path((site, date)): Path<(String, String)>) -> Answer<Json<Holiday>> {
    let select = concatcp!("select ", COLUMNS, " from holidays where site = ? and date = ?");
    let holiday = Database.fetch_optional(select, params![&site, date_at_path(&date)?])?;
    holiday.map(Json).ok_or_else(not_found)
}

const REPLACE: &str = concatcp!(
    "insert into holidays (site, date, name, kind, created_at, updated_at, updated_by)
     select slug, ?2, ?3, ?4, ?5, ?5, ?6 from sites where slug = ?1
     on conflict (site, date) do update set name = excluded.name, kind = excluded.kind, updated_at = excluded.updated_at,
         updated_by = excluded.updated_by
     returning ",
    COLUMNS
);

/// Makes a day a holiday, or changes what it is.
///
/// Past days tell forecasts what such days have been like. What a temple's slots say of a day goes before.
#[utoipa::path(put, path = "/api/sites/{site}/holidays/{date}")]
pub async fn replace(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, date)): Path<(String, String)>,
    Body(holiday): Body<HolidayInput>,
) -> Answer<Json<Holiday>> {
    let kind = holiday.kind.unwrap_or(Special::Holiday);
    let written = Database.fetch_optional(REPLACE, params![&site, date_at_path(&date)?, &holiday.name, kind, now, &caller.0.id])?;
    written.map(Json).ok_or_else(|| Problem::not_found("site"))
}

/// Makes a day as its weekday again.
#[utoipa::path(delete, path = "/api/sites/{site}/holidays/{date}")]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path((site, date)): Path<(String, String)>) -> Answer<NoContent> {
    let date = date_at_path(&date)?;
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update holidays set updated_at = ?3, updated_by = ?4 where site = ?1 and date = ?2 returning date";
        if !db.exists(touch, params![&site, date, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from holidays where site = ? and date = ?", params![&site, date])?;
        Ok(NoContent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_kinds_of_special_days() {
        let schema = include_str!("../../../migrations/0050_holidays.sql");
        let [holiday, festival, closed] = [Special::Holiday, Special::Festival, Special::Closed].map(|kind| kind.into_str());
        assert!(schema.contains(&format!("default '{holiday}' check (kind in ('{holiday}', '{festival}', '{closed}'))")));
        assert!(schema.contains(&format!("iif(is_closed, '{closed}', '{festival}')")));
    }
}
