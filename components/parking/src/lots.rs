//! S1's lot counts: `/api/parking-data/`.

use axum::response::{IntoResponse, Response};
use domain::anomaly::{Change, DEFAULT_LOW_SPOTS, Kind, low_spots_in_lot};
use domain::reading::FUTURE_TOLERANCE_MS;
use domain::time::{SECOND_MS, YEAR_2000_MS};
use http::StatusCode;
use kit::caller::{Caller, Sender};
use kit::db::{DbError, Row, Transaction};
use kit::fields::Fields;
use kit::page::Listing;
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
struct Count {
    parking_lot: String,
    available_spots: i64,
    timestamp: String,
}

impl Count {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self { parking_lot: row.text(0)?.to_owned(), available_spots: row.int(1)?, timestamp: row.time(2)? })
    }
}

/// GET `/api/parking-data/`: the latest count of each lot; with `parking_lot`, of that one alone.
pub async fn latest(Query(query): Query) -> Answer<Response> {
    let listing = Listing::parse(&query, &["parking_lot"])?;
    if let Some(lot) = listing.filter("parking_lot") {
        let rows = db::run("select parking_lot, available_spots, at from lots where parking_lot = ?", params![lot])?;
        let row = rows.first().ok_or_else(|| Problem::not_found("parking lot"))?;
        return Ok(axum::Json(Count::of(row)?).into_response());
    }
    let rows =
        Select::after("select parking_lot, available_spots, at from lots where parking_lot > coalesce(?, '')", vec![listing.after_text(0)])
            .run("parking_lot", listing.fetch())?;
    Ok(listing.page(rows, |row| Ok(json!([row.text(0)?])), Count::of)?.into_response())
}

/// POST `/api/parking-data/add/`: `{parking_lot, available_spots, timestamp?}`. Lots belong to no device, so any active one may
/// count any of them.
pub async fn add(caller: Caller<Sender>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let lot = fields.text("parking_lot", 1..=100);
    let available = fields.int("available_spots", 0..=10_000_000);
    let sent_at = fields.opt_time("timestamp");
    let at = sent_at.unwrap_or(now);
    fields.check(at <= now + FUTURE_TOLERANCE_MS, "timestamp", "is more than 5 minutes ahead of the server's clock");
    fields.check(at >= YEAR_2000_MS, "timestamp", "is before the year 2000");
    fields.finish()?;

    let at = db::transaction(|transaction| {
        // Counts that came without a time, in the same millisecond, are no repeats of each other.
        let at = match sent_at {
            Some(at) => at,
            None => {
                let latest = "select max(at) from lot_counts where parking_lot = ? and at >= ? and at < ?";
                let rows = transaction.run(latest, params![&lot, now, now + SECOND_MS])?;
                rows.first().map(|row| row.opt_int(0)).transpose()?.flatten().map_or(now, |at| at + 1)
            }
        };
        // The trigger on `lot_counts` keeps `lots`, where the newest timestamp wins.
        let stored = transaction.run(
            "insert into lot_counts (parking_lot, at, available_spots, received_at, sent_by)
             select ?1, ?2, ?3, ?4, ?5
             where ?6 is null or exists (select 1 from devices where code = ?6 and is_active = 1)
             returning at",
            params![&lot, at, available, now, caller.0.id, caller.0.device],
        );
        match stored {
            Ok(rows) if rows.is_empty() => Err(Problem::forbidden("this device is not active")),
            Ok(_) => watch(transaction, &lot, at, now).map(|()| at),
            Err(DbError::Unique(_)) => Err(Problem::conflict("there is a count of this lot at this time already")),
            Err(error) => Err(error.into()),
        }
    })?;
    let count = Count { parking_lot: lot, available_spots: available, timestamp: domain::time::format_rfc3339(at) };
    Ok((StatusCode::CREATED, axum::Json(count)))
}

/// Raises or resolves `low_spots` after the count of `at`, unless a newer one was there already. A lot that is named as a site has
/// that site's limit and size.
fn watch(transaction: &Transaction, lot: &str, at: i64, now: i64) -> Answer<()> {
    let rows = transaction.run(
        "select l.parking_lot, l.available_spots, l.low, s.slug, s.capacity, s.low_spots
         from lots l left join sites s on s.slug = lower(l.parking_lot)
         where l.parking_lot = ? and l.at = ?",
        params![lot, at],
    )?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (lot, free, was_low, site) = (row.text(0)?, row.int(1)?, row.bool(2)?, row.opt_text(3)?);
    let total = row.opt_int(4)?.filter(|capacity| *capacity > 0).unwrap_or(i64::MAX);
    let change = low_spots_in_lot(free, total, row.opt_int(5)?.unwrap_or(DEFAULT_LOW_SPOTS));
    let low = change.apply(was_low);
    if low == was_low {
        return Ok(());
    }
    transaction.run("update lots set low = ? where parking_lot = ?", params![low, lot])?;
    // Not the bare name: the scheduled run speaks of a site of that name by what its sensors say.
    let subject = format!("lot:{lot}");
    if change == Change::Raise {
        transaction.run(
            "insert into system_alerts (alert_type, subject, site, severity, message, at) values (?, ?, ?, ?, ?, ?)",
            params![
                Kind::LowSpots.into_str(),
                &subject,
                site,
                Kind::LowSpots.severity().into_str(),
                format!("{lot} has {free} free spots"),
                now
            ],
        )?;
    } else {
        transaction.run(
            "update alerts set status = 'resolved', resolved_at = ?1, resolved_by = 'system', updated_at = ?1, updated_by = 'system'
             where source = 'system' and status <> 'resolved' and alert_type = ?2 and subject = ?3",
            params![now, Kind::LowSpots.into_str(), &subject],
        )?;
    }
    Ok(())
}
