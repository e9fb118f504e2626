//! The end of something, which is told to each contact that was told of it.

use const_format::{concatcp, formatcp};
use domain::alert_group::RECOVERY_HOLD_MS;
use domain::dispatch::{CLOCK_TOLERANCE_MS, DeliveryOutcome, EMERGENCY_TOPICS, ENDED_TOPICS, MessageState, Priority};
use domain::time::SECOND_MS;
use kit::db::{Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, host, params};

use super::{ALERT_TOPICS_SQL, Batch, LONGEST_HOLD_MS, NewMessage, Waiting};

/// Someone who was told.
#[derive(FromRow)]
struct Told {
    channel: String,
    contact: String,
}

impl Batch<'_> {
    /// The end of what was told by itself, or of nothing that was told.
    pub fn end(&mut self, row: &Waiting) -> Result<(), Problem> {
        self.tell_the_end(row.id, std::slice::from_ref(&row.subject), None, &[row.id])
    }

    /// The end of alerts of a group: told when all of it is over, or the first of them is so for long enough.
    pub fn end_group(&mut self, group: i64, rows: &[Waiting]) -> Result<(), Problem> {
        let Some(first) = rows.first() else { return Ok(()) };
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let members: Vec<Member> = self.db.fetch_all(MEMBERS, params![group])?;
        let is_over = members.iter().all(|member| member.has_ended);
        let due = rows.iter().map(|row| row.created_at).min().unwrap_or(first.created_at) + RECOVERY_HOLD_MS;
        if !is_over && self.now < due && due <= self.now + LONGEST_HOLD_MS {
            return self.hold(&ids, group, due);
        }
        let subjects: Vec<String> = members.into_iter().map(|member| member.subject).collect();
        self.tell_the_end(first.id, &subjects, Some(group), &ids)
    }

    /// Tells the end of these to whom one of them was told. Whoever is being told at this moment is waited for.
    fn tell_the_end(&mut self, carrier: i64, subjects: &[String], group: Option<i64>, rows: &[i64]) -> Result<(), Problem> {
        let subjects = serde_json::to_string(subjects).map_err(Problem::internal)?;
        if self.db.exists(BEING_TOLD, params![&subjects, self.now, CLOCK_TOLERANCE_MS])? {
            return match group {
                Some(group) => self.hold(rows, group, self.now + SECOND_MS),
                None => self.defer(rows, self.now + SECOND_MS),
            };
        }
        if let Some(group) = group {
            self.join(rows, group)?;
            // Those that are held are told of with these, and what comes next is another trouble.
            self.db.run(
                concatcp!(
                    "update outbox set expanded_at = ?2 where group_id = ?1 and expanded_at is null and topic = '",
                    ENDED_TOPICS[0],
                    "'"
                ),
                params![group, self.now],
            )?;
            self.db.run("update alert_groups set told_at = 0 where id = ?", params![group])?;
        }
        let told: Vec<Told> = self.db.fetch_all(TOLD, params![&subjects])?;
        for Told { channel, contact } in told {
            let id = host::new_id(self.now)?;
            self.messages.push(NewMessage { id, outbox: carrier, channel, contact, priority: Priority::Ordinary.rank() });
        }
        self.done.extend(rows);
        Ok(())
    }
}

/// An alert of a group.
#[derive(FromRow)]
struct Member {
    subject: String,
    has_ended: bool,
}

const MEMBERS: &str = concatcp!(
    "select distinct o.subject, coalesce(a.status, 'resolved') = 'resolved' as has_ended
     from outbox o left join alerts a on a.id = o.subject where o.group_id = ?1 and o.topic in (",
    ALERT_TOPICS_SQL,
    ")"
);

const OF_THESE: &str = concatcp!(
    "outbox o join messages m on m.outbox_id = o.id
     where o.topic in (",
    ALERT_TOPICS_SQL,
    ", '",
    EMERGENCY_TOPICS[0],
    "', '",
    EMERGENCY_TOPICS[1],
    "') and o.subject in (select value from json_each(?1))"
);

/// Whether one of these is on its way to somebody.
const BEING_TOLD: &str = formatcp!(
    "select 1 from {OF_THESE} and m.state = '{}' and m.lease_until >= ?2 and m.set_at <= ?2 + ?3 limit 1",
    MessageState::Sending.into_str()
);

/// Who has one of these, or may have it: an attempt without an answer may have arrived.
const TOLD: &str = formatcp!(
    "select distinct m.channel, m.contact from {OF_THESE} and (m.state = '{}' or exists (
         select 1 from deliveries d where d.message_id = m.id and (d.outcome = '{}' or (d.outcome = '{}' and d.http_status is null))
     )) order by m.channel, m.contact",
    MessageState::Sent.into_str(),
    DeliveryOutcome::Sent.into_str(),
    DeliveryOutcome::Retry.into_str()
);
