//! From the outbox to messages: one for each contact of what is told by itself, one for each contact of a group of alerts that machines raised
//! ([`domain::alert_group`]), and of the end of something one for each contact that was told of it.

use std::collections::BTreeMap;

use const_format::{concatcp, formatcp};
use domain::alert_group::{OPEN_MS, RECOVERY_HOLD_MS, hold_ms};
use domain::dispatch::{ALERT_TOPICS, CLOCK_TOLERANCE_MS, DeliveryOutcome, EMERGENCY_TOPICS, ENDED_TOPICS, MessageState, Priority};
use domain::time::SECOND_MS;
use kit::db::{self, Executor, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, host, params};
use serde::Serialize;

use crate::channels::Person;
use crate::settings::{Contact, Settings};

/// Rows of the outbox that one transaction turns into messages: a whole tick's storm, as far as that goes.
const BATCH: i64 = 500;

/// The longest that a row may be held from now on, milliseconds. What is due later was stored before the clock was set back.
const LONGEST_HOLD_MS: i64 = RECOVERY_HOLD_MS + CLOCK_TOLERANCE_MS;

/// The topics as a list of SQL.
pub const ALERT_TOPICS_SQL: &str = concatcp!("'", ALERT_TOPICS[0], "', '", ALERT_TOPICS[1], "', '", ALERT_TOPICS[2], "'");

/// Which rows of the outbox are due at `?1`.
pub const IS_DUE: &str = concatcp!("expanded_at is null and (due_at <= ?1 or due_at > ?1 + ", LONGEST_HOLD_MS, ")");

/// A row of the outbox, with whom it concerns.
#[derive(FromRow)]
struct Waiting {
    id: i64,
    topic: String,
    subject: String,
    level: i64,
    urgent: bool,
    created_at: i64,
    /// The group that holds it.
    group_id: Option<i64>,
    /// Whether Gatehouse raised the alert by itself.
    by_machine: bool,
    alert_type: String,
    site: String,
    /// Whether it is for one person rather than for the control room.
    is_personal: bool,
    email: Option<String>,
    phone: Option<String>,
    /// The one address that it is for, in place of the person's own.
    mail_to: Option<String>,
    /// The one channel that it goes through.
    only_channel: Option<String>,
    /// Whether the alert that it tells of is over.
    has_ended: bool,
    /// Of the end of an alert: the group that told of the alert, if one did.
    trouble_group: Option<i64>,
}

/// Emergencies first, however much came before them. What is no JSON is told by itself.
const WAITING: &str = concatcp!(
    "select o.id, o.topic, o.subject, o.level, o.urgent, o.created_at, o.group_id,
         iif(json_valid(o.payload), coalesce(o.payload ->> '$.source', '') = 'system', 0) as by_machine,
         iif(json_valid(o.payload), coalesce(o.payload ->> '$.alert_type', ''), '') as alert_type,
         iif(json_valid(o.payload), coalesce(o.payload ->> '$.site', ''), '') as site,
         o.recipient is not null as is_personal, u.email, u.phone, o.mail_to, o.only_channel,
         coalesce((select status = 'resolved' from alerts where id = o.subject), 0) as has_ended,
         case when o.topic = '",
    ENDED_TOPICS[0],
    "' then (select t.group_id from outbox t where t.topic in (",
    ALERT_TOPICS_SQL,
    ") and t.subject = o.subject order by t.id limit 1) end as trouble_group
     from outbox o left join users u on u.id = o.recipient
     where o.expanded_at is null and (o.due_at <= ?1 or o.due_at > ?1 + ?2)
     order by o.topic in ('",
    EMERGENCY_TOPICS[0],
    "', '",
    EMERGENCY_TOPICS[1],
    "') desc, o.id limit ?3"
);

/// Turns what is due in the outbox into messages; how many that made. Who finds nothing due there ([`IS_DUE`]) spares the writer's lock.
pub fn expand(settings: &Settings, now: i64) -> Result<usize, Problem> {
    let mut made = 0;
    loop {
        let (of_batch, is_full) = db::transaction(|db| batch(db, settings, now))?;
        made += of_batch;
        if !is_full {
            return Ok(made);
        }
    }
}

/// How many messages it made, and whether there may be more.
fn batch(db: &Transaction, settings: &Settings, now: i64) -> Result<(usize, bool), Problem> {
    let waiting: Vec<Waiting> = db.fetch_all(WAITING, params![now, LONGEST_HOLD_MS, BATCH])?;
    let is_full = i64::try_from(waiting.len()).is_ok_and(|count| count == BATCH);
    let mut batch = Batch { db, now, messages: Vec::new(), done: Vec::new() };
    let mut storms: BTreeMap<(Option<i64>, String, String, i64), Vec<i64>> = BTreeMap::new();
    let mut ended_groups: BTreeMap<i64, Vec<Waiting>> = BTreeMap::new();
    for row in waiting {
        let topic = row.topic.as_str();
        if ENDED_TOPICS.contains(&topic) {
            match row.trouble_group {
                Some(group) => ended_groups.entry(group).or_default().push(row),
                None => batch.end(&row)?,
            }
        } else if row.urgent && row.by_machine && ALERT_TOPICS.contains(&topic) {
            if row.has_ended {
                // Nobody was told, and nobody need be.
                batch.done.push(row.id);
            } else {
                storms.entry((row.group_id, row.alert_type, row.site, row.level)).or_default().push(row.id);
            }
        } else {
            let mut contacts = match row.mail_to {
                Some(address) => settings.mail(address),
                None if row.is_personal => settings.person(&Person { email: row.email, phone: row.phone }),
                None => settings.control_room(row.level),
            };
            if let Some(only) = &row.only_channel {
                contacts.retain(|contact| contact.channel == only);
            }
            batch.tell(row.id, Priority::of(topic, row.urgent, row.by_machine), contacts)?;
            batch.done.push(row.id);
        }
    }
    for ((group, alert_type, site, level), rows) in storms {
        batch.storm(settings, group, &alert_type, &site, level, &rows)?;
    }
    for (group, rows) in ended_groups {
        batch.end_group(group, &rows)?;
    }
    Ok((batch.write()?, is_full))
}

#[derive(Serialize)]
struct NewMessage {
    id: String,
    outbox: i64,
    channel: String,
    contact: String,
    priority: i64,
}

/// A group that takes alerts, or holds some.
#[derive(FromRow)]
struct Group {
    id: i64,
    told_at: i64,
    messages: i64,
}

/// Someone who was told.
#[derive(FromRow)]
struct Told {
    channel: String,
    contact: String,
}

/// What one transaction makes.
struct Batch<'a> {
    db: &'a Transaction,
    now: i64,
    messages: Vec<NewMessage>,
    /// Rows of the outbox that are done with.
    done: Vec<i64>,
}

impl Batch<'_> {
    /// A message for each contact.
    fn tell(&mut self, outbox: i64, priority: Priority, contacts: Vec<Contact>) -> Result<(), Problem> {
        for contact in contacts {
            self.messages.push(NewMessage {
                id: host::new_id(self.now)?,
                outbox,
                channel: contact.channel.to_owned(),
                contact: contact.address,
                priority: priority.rank(),
            });
        }
        Ok(())
    }

    /// Alerts of one kind and site: with the group that is open, or as a new one. The first of them carries the message; while the group has
    /// to keep still, they are held.
    fn storm(
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

    /// The end of what was told by itself, or of nothing that was told.
    fn end(&mut self, row: &Waiting) -> Result<(), Problem> {
        self.tell_the_end(row.id, std::slice::from_ref(&row.subject), None, &[row.id])
    }

    /// The end of alerts of a group: told when all of it is over, or the first of them is so for long enough.
    fn end_group(&mut self, group: i64, rows: &[Waiting]) -> Result<(), Problem> {
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

    fn join(&self, rows: &[i64], group: i64) -> Result<(), Problem> {
        let rows = serde_json::to_string(rows).map_err(Problem::internal)?;
        self.db.run("update outbox set group_id = ?2 where id in (select value from json_each(?1))", params![rows, group])?;
        Ok(())
    }

    fn hold(&self, rows: &[i64], group: i64, due: i64) -> Result<(), Problem> {
        self.join(rows, group)?;
        self.defer(rows, due)
    }

    fn defer(&self, rows: &[i64], due: i64) -> Result<(), Problem> {
        let rows = serde_json::to_string(rows).map_err(Problem::internal)?;
        self.db.run("update outbox set due_at = ?2 where id in (select value from json_each(?1))", params![rows, due])?;
        Ok(())
    }

    fn write(self) -> Result<usize, Problem> {
        if !self.messages.is_empty() {
            let json = serde_json::to_string(&self.messages).map_err(Problem::internal)?;
            self.db.run(INSERT, params![json, self.now, CLOCK_TOLERANCE_MS])?;
        }
        let rows = serde_json::to_string(&self.done).map_err(Problem::internal)?;
        self.db.run("update outbox set expanded_at = ?2 where id in (select value from json_each(?1))", params![rows, self.now])?;
        Ok(self.messages.len())
    }
}

/// What can wait keeps to the pause that its receiver has asked for.
const INSERT: &str = "insert into messages (id, outbox_id, channel, contact, priority, first_at, next_attempt_at, set_at, created_at)
     select n.id, n.outbox, n.channel, n.contact, n.priority, ?2, iif(n.priority > 0, ?2, max(?2, coalesce(p.until, 0))), ?2, ?2
     from (
         select value ->> 'id' as id, value ->> 'outbox' as outbox, value ->> 'channel' as channel, value ->> 'contact' as contact,
             value ->> 'priority' as priority
         from json_each(?1)
     ) n
     left join contact_pauses p on p.channel = n.channel and p.contact = n.contact and p.set_at <= ?2 + ?3
     where true
     on conflict do nothing";

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
