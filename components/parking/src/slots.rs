//! S2's names for zones and spots: `/api/zones/` and `/api/slots/`.

use kit::caller::{Caller, SignedIn};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::select::Select;
use kit::{Answer, spot_is_kept};
use serde::Serialize;
use serde_json::json;

use crate::place::spots_with_state;

#[derive(Serialize)]
pub struct Zone {
    zone_code: String,
    name: String,
    site: String,
    total: i64,
    available: i64,
}

/// GET `/api/zones/`, filter `site`.
pub async fn zones(_: Caller<SignedIn>, Now(now): Now, Query(query): Query) -> Answer<Page<Zone>> {
    let listing = Listing::parse(&query, &["site"])?;
    let rows = Select::after(
        concat!(
            "select z.code, z.name, z.site, (select count(*) from spots s where s.site = z.site and s.zone = z.code),
                (select count(*) from ",
            spots_with_state!(),
            " where s.site = z.site and s.zone = z.code and s.status = 'in_service' and t.occupied is not 1 and not ",
            spot_is_kept!("s.spot_id", "?1"),
            ")
             from zones z where (z.site, z.code) > (coalesce(?, ''), coalesce(?, ''))"
        ),
        vec![now.into(), listing.after_text(0), listing.after_text(1)],
    )
    .and_if("z.site = ?", listing.filter("site"))
    .run("z.site, z.code", listing.fetch())?;
    listing.page(
        rows,
        |row| Ok(json!([row.text(2)?, row.text(0)?])),
        |row| {
            Ok(Zone {
                zone_code: row.text(0)?.to_owned(),
                name: row.text(1)?.to_owned(),
                site: row.text(2)?.to_owned(),
                total: row.int(3)?,
                available: row.int(4)?,
            })
        },
    )
}

#[derive(Serialize)]
pub struct Slot {
    slot_code: String,
    zone: String,
    site: String,
    kind: String,
    status: &'static str,
}

/// GET `/api/slots/`, filters `zone_code` (any case) and `site`. `available` is where one may park.
pub async fn slots(_: Caller<SignedIn>, Now(now): Now, Query(query): Query) -> Answer<Page<Slot>> {
    let listing = Listing::parse(&query, &["zone_code", "site"])?;
    let rows = Select::after(
        concat!(
            "select s.spot_id, s.zone, s.site, s.kind, s.status = 'in_service' and t.occupied is not 1 and not ",
            spot_is_kept!("s.spot_id", "?1"),
            " from ",
            spots_with_state!(),
            " where s.spot_id > coalesce(?, '')"
        ),
        vec![now.into(), listing.after_text(0)],
    )
    .and_if("s.zone = ?", listing.filter("zone_code"))
    .and_if("s.site = ?", listing.filter("site"))
    .run("s.spot_id", listing.fetch())?;
    listing.page(
        rows,
        |row| Ok(json!([row.text(0)?])),
        |row| {
            Ok(Slot {
                slot_code: row.text(0)?.to_owned(),
                zone: row.text(1)?.to_owned(),
                site: row.text(2)?.to_owned(),
                kind: row.text(3)?.to_owned(),
                status: if row.bool(4)? { "available" } else { "occupied" },
            })
        },
    )
}
