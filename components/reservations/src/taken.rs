//! Why a stay cannot be had, and when one as long could begin.

use domain::reservation::{IMMEDIATE_START_MS, MAX_HOLDS};
use domain::time::format_rfc3339;
use kit::db::{self, Value};
use kit::{Problem, params, spot_is_free};

use crate::reserve::{HOLD_MINUTES, Which, holds_too_many};

/// Among which spots.
pub struct Scope {
    spot: Option<String>,
    site: Option<String>,
    kind: Option<String>,
    /// The number of the reservation that is to be moved, 0 for none: it is not in its own way.
    except: i64,
}

impl Scope {
    /// From what was asked for.
    pub fn of(which: &Which) -> Self {
        match which {
            Which::Spot(spot) => Self { spot: Some(spot.clone()), site: None, kind: None, except: 0 },
            Which::Kind { site, kind } => Self { spot: None, site: Some(site.clone()), kind: Some(kind.clone()), except: 0 },
        }
    }

    /// The same for a reservation that is to be moved.
    pub fn except(self, no: i64) -> Self {
        Self { except: no, ..self }
    }

    fn params(&self) -> Vec<Value> {
        params![self.spot.as_deref(), self.site.as_deref(), self.kind.as_deref()]
    }
}

/// The spots of a scope, in SQL over `?1`, `?2`, `?3`.
macro_rules! spots {
    ($spot:literal) => {
        concat!("from spots s where s.status = 'in_service' and ", $spot)
    };
}

/// Times at which a stay might begin: as asked, or soon where somebody stands now, or when a reservation ends. The first at which it
/// really could. They are sorted before they are tried, so that few are.
macro_rules! next_free {
    ($spot:literal) => {
        concat!(
            "select c.at from (
                select s.spot_id, max(?4, iif(exists (
                    select 1 from devices v join device_state t on t.device_id = v.id
                    where v.spot_id = s.spot_id and v.is_active = 1 and t.occupied = 1
                ), ?6 + ?8, 0)) as at ",
            spots!($spot),
            " union all
                select s.spot_id, o.ends_at ",
            "from spots s join reservations o on o.spot_id = s.spot_id
                where s.status = 'in_service' and ",
            $spot,
            " and o.status in ('pending_payment', 'confirmed', 'arrived') and o.ends_at > ?4 and o.no <> ?7
                    and (o.status <> 'pending_payment' or o.hold_expires_at > ?6)
                order by 2 limit 2000
             ) c where ",
            spot_is_free!("c.spot_id", "c.at", "c.at + ?5", "?6", "?7"),
            " limit 1"
        )
    };
}

const OF_SPOT: &str = next_free!("s.spot_id = ?1 and ?2 is null and ?3 is null");
const OF_KIND: &str = next_free!("?1 is null and s.site = ?2 and s.kind = ?3");

/// The first moment from `start` on at which a stay as long could begin, as things stand; unpaid holds may still lapse. None when there is
/// none in sight.
pub fn next_free_at(scope: &Scope, start: i64, end: i64, now: i64) -> Result<Option<i64>, Problem> {
    let mut params = scope.params();
    params.extend(params![start, end - start, now, scope.except, IMMEDIATE_START_MS + 1]);
    let rows = db::run(if scope.spot.is_some() { OF_SPOT } else { OF_KIND }, params)?;
    rows.first().map(|row| row.int(0)).transpose()
}

/// The 409 for a stay that could not be had. `holder` is the driver, where an unpaid hold was asked for.
pub fn explain(scope: &Scope, start: i64, end: i64, now: i64, holder: Option<&str>) -> Result<Problem, Problem> {
    if let Some(user) = holder
        && holds_too_many(user, now)?
    {
        let detail = format!(
            "you have {MAX_HOLDS} reservations that nothing was paid for: pay or cancel one; unpaid, it lapses {HOLD_MINUTES} minutes after it was made"
        );
        return Ok(Problem::conflict(detail).because("too_many_holds"));
    }
    let count = if scope.spot.is_some() {
        "select count(*) from spots s where s.spot_id = ?1 and s.status = 'in_service' and ?2 is null and ?3 is null"
    } else {
        "select count(*) from spots s where ?1 is null and s.site = ?2 and s.kind = ?3 and s.status = 'in_service'"
    };
    let rows = db::run(count, scope.params())?;
    if rows.first().map_or(Ok(0), |row| row.int(0))? == 0 {
        return Ok(Problem::conflict("it is not offered: out of service, or kept by the site").because("out_of_service"));
    }
    let what = if scope.spot.is_some() { "the spot is" } else { "all such spots are" };
    let problem = match next_free_at(scope, start, end, now)? {
        Some(at) => {
            let at = format_rfc3339(at);
            Problem::conflict(format!("{what} taken at that time; a stay as long can begin at {at}")).with("next_free_at", at)
        }
        None => Problem::conflict(format!("{what} taken at that time")).with("next_free_at", serde_json::Value::Null),
    };
    Ok(problem.because("taken"))
}
