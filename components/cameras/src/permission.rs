//! Who may do what with a camera: administrators everything; others what their rule says, in its hours; operators and developers may look at
//! public cameras. Whoever may do nothing with a camera is told that there is none.

use domain::camera::Level;
use domain::role::Role;
use kit::caller::{Caller, Person, Principal};
use kit::db::Database;
use kit::ticket::Scope;
use kit::{Answer, Problem};

use crate::model::{Stored, not_found};

/// What the caller may do with the camera at this moment; none when nothing.
pub fn level(camera: &Stored, caller: &Principal, now: i64) -> Option<Level> {
    if caller.role.holds(Role::Admin) {
        return Some(Level::Admin);
    }
    let rule = camera.rule().filter(|(_, hours)| hours.are_all() || camera.zone().is_some_and(|zone| hours.include(now, zone)));
    let public = (camera.is_public() && caller.role.holds(Role::Operator)).then_some(Level::View);
    rule.map(|(level, _)| level).max(public)
}

/// The camera of this id, with which the caller may do this now. 404 when they may do nothing with it at any time, 403 when they may do less, or
/// not at this hour.
pub fn require(id: &str, caller: &Principal, needed: Level, now: i64) -> Answer<Stored> {
    let camera = Stored::find(&Database, id, caller)?.ok_or_else(not_found)?;
    check(&camera, caller, needed, now)?;
    Ok(camera)
}

/// The same for a camera that was found.
pub fn check(camera: &Stored, caller: &Principal, needed: Level, now: i64) -> Answer<()> {
    match level(camera, caller, now) {
        Some(level) if level >= needed => Ok(()),
        _ if camera.rule().is_some_and(|(level, _)| level >= needed) => {
            Err(Problem::forbidden("your access to this camera is for other hours").because("outside_hours"))
        }
        None if camera.rule().is_none() => Err(not_found()),
        _ => Err(Problem::forbidden(format!("this takes the access level {}", needed.into_str()))),
    }
}

/// The camera, where it is in use.
pub fn require_active(camera: Stored) -> Answer<Stored> {
    if camera.is_active { Ok(camera) } else { Err(Problem::conflict("the camera is not in use").because("inactive")) }
}

/// Who looks at a camera: whom a ticket was given to, or who is signed in. A look at the headers alone spends no ticket.
pub fn viewer(
    caller: Result<Caller<Person>, Problem>,
    ticket: Option<&str>,
    camera_id: &str,
    is_head: bool,
    now: i64,
) -> Answer<Principal> {
    match ticket {
        Some(ticket) if is_head => Scope::Camera(camera_id).look_at(ticket, now),
        Some(ticket) => Scope::Camera(camera_id).redeem(ticket, now),
        None => Ok(caller?.0),
    }
}
