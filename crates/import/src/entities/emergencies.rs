//! Emergencies, as what they ended as.

use domain::emergency::{Kind, Severity};
use rusqlite::params;

use crate::context::{ACTOR, Context};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::Row;
use crate::source::Entity;

/// How an emergency ended.
enum End {
    Resolved,
    Cancelled,
    FalseAlarm,
}

/// An emergency. One that is open in the dump is closed if that was asked for, and else refused: it would call people out.
pub fn emergency(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let site = cx.site(row, &["temple_id", "temple", "site"])?;
    let word = row.needed_text(&["type", "emergency_type"])?;
    let (kind, reported_type) = word.parse::<Kind>().map_or_else(|_| (Kind::Other, Some(word)), |kind| (kind, None));
    let severity = match row.text(&["severity", "priority"])? {
        Some(word) => word.parse::<Severity>().map_err(|_| Refusal::of("unknown_severity", word))?,
        None => kind.default_severity(),
    };
    let description = row.text(&["description", "message"])?;
    let position = row.position()?;
    let place = row.text(&["location", "place"])?;
    let reporter =
        cx.reference(row, Entity::Users, &["reported_by", "user_id", "user", "reporter_id"])?.unwrap_or_else(|| ACTOR.to_owned());
    let reported = row.needed_past(&["reported_at", "created_at", "timestamp"])?;
    let acknowledged = row.past(&["acknowledged_at"])?;
    let begun = row.past(&["in_progress_at"])?;
    let ended = row.past(&["resolved_at", "closed_at", "cancelled_at"])?;
    let mut resolution = row.text(&["resolution", "resolution_notes", "notes"])?;
    let status = row.needed_text(&["status"])?.to_ascii_lowercase().replace([' ', '-'], "_");
    let end = match status.as_str() {
        "resolved" | "closed" => End::Resolved,
        "cancelled" | "canceled" => End::Cancelled,
        "false_alarm" => End::FalseAlarm,
        "reported" | "pending" | "active" | "acknowledged" | "in_progress" if cx.args.close_open => {
            cx.note("closed", format!("it was {status}"));
            resolution = resolution.or_else(|| Some("Closed when it was moved in".to_owned()));
            End::Resolved
        }
        "reported" | "pending" | "active" | "acknowledged" | "in_progress" => {
            return Err(Refusal::of("still_open", format!("it is {status}: close it there, or say --close-open")).into());
        }
        other => return Err(Refusal::of("unknown_status", other).into()),
    };
    let ended = match ended {
        Some(ended) => ended,
        None if cx.args.close_open && matches!(end, End::Resolved) => cx.now(),
        None => return Err(Refusal::missing("resolved_at").into()),
    };
    if ended < reported || acknowledged.is_some_and(|at| at < reported || at > ended) || begun.is_some_and(|at| at < reported || at > ended)
    {
        return Err(Refusal::of("times_do_not_rise", "a step lies before the one that it follows").into());
    }
    let (mut acknowledged, mut begun) = (acknowledged, begun);
    if matches!(end, End::Resolved) {
        // Here it has gone through both steps; where the old system has no time of one, it is that of the next.
        if acknowledged.is_none() || begun.is_none() {
            cx.note("steps_without_times", "taken as the time of the step after");
        }
        begun = begun.or(Some(ended));
        acknowledged = acknowledged.or(begun);
        if acknowledged > begun {
            return Err(Refusal::of("times_do_not_rise", "acknowledged after work began").into());
        }
    }
    let (status, resolved, closed) = match end {
        End::Resolved => ("resolved", Some(ended), None),
        End::Cancelled => ("cancelled", None, Some(ended)),
        End::FalseAlarm => ("false_alarm", None, Some(ended)),
    };
    let id = cx.new_id(reported)?;
    cx.store.run(
        "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, place, status, reported_by,
            acknowledged_at, acknowledged_by, in_progress_at, in_progress_by, resolved_at, resolved_by, closed_at, closed_by, resolution,
            created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, iif(?12 is null, null, ?19), ?13, iif(?13 is null, null, ?19), ?14,
            iif(?14 is null, null, ?19), ?15, iif(?15 is null, null, ?19), ?16, ?17, ?18, ?19)",
        params![
            id,
            site,
            kind.into_str(),
            reported_type,
            severity.into_str(),
            description,
            position.map(|at| at.0),
            position.map(|at| at.1),
            place,
            status,
            reporter,
            acknowledged,
            begun,
            resolved,
            closed,
            resolution,
            reported,
            cx.now(),
            ACTOR
        ],
    )?;
    Ok(Outcome::Created(id))
}
