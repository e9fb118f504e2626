//! A storm: alerts of one kind and site that machines raised, which share one message.

use domain::alert_group::{OPEN_MS, hold_ms};
use domain::dispatch::{CLOCK_TOLERANCE_MS, Priority};
use kit::db::{Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use super::Batch;
use crate::settings::Settings;

/// A group that takes alerts, or holds some.
#[derive(FromRow)]
struct Group {
    id: i64,
    told_at: i64,
    messages: i64,
}

impl Batch<'_> {
    /// Alerts of one kind and site: with the group that is open, or as a new one. The first of them carries the message; while the group has
    /// to keep still, they are held.
    pub fn storm(
        &mut self,
        settings: &Settings,
        held_by: Option<i64>,
        alert_type: &str,
        site: &str,
        level: i64,
        rows: &[i64],
    ) -> Result<(), Problem> {
        let Some(&carrier) = rows.first() else { return Ok(()) };
        let group: Option<Group> = match held_by {
            Some(id) => self.db.fetch_optional("select id, told_at, messages from alert_groups where id = ?", params![id])?,
            None => self.db.fetch_optional(
                "select id, told_at, messages from alert_groups
                 where alert_type = ?1 and site = ?2 and level = ?3 and told_at > ?4 and told_at <= ?5 order by told_at desc limit 1",
                params![alert_type, site, level, self.now - OPEN_MS, self.now + CLOCK_TOLERANCE_MS],
            )?,
        };
        let id = match group {
            Some(group) => {
                let due = group.told_at + hold_ms(group.messages);
                let is_ahead = group.told_at > self.now + CLOCK_TOLERANCE_MS;
                if self.now < due && !is_ahead {
                    return self.hold(rows, group.id, due);
                }
                self.db.run("update alert_groups set told_at = ?2, messages = messages + 1 where id = ?1", params![group.id, self.now])?;
                group.id
            }
            None => self
                .db
                .fetch_scalar(
                    "insert into alert_groups (alert_type, site, level, told_at, messages) values (?1, ?2, ?3, ?4, 1) returning id",
                    params![alert_type, site, level, self.now],
                )?
                .ok_or_else(|| Problem::internal("the insert gave no row"))?,
        };
        self.join(rows, id)?;
        self.tell(carrier, Priority::Machine, settings.control_room(level))?;
        self.done.extend(rows);
        Ok(())
    }
}
