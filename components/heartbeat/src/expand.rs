//! From the outbox to messages: one for each contact of what is told by itself, one for each contact of a group of alerts that machines raised
//! ([`domain::alert_group`]), and of the end of something one for each contact that was told of it.

mod ending;
mod storm;

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::alert_group::RECOVERY_HOLD_MS;
use domain::dispatch::{ALERT_TOPICS, CLOCK_TOLERANCE_MS, EMERGENCY_TOPICS, ENDED_TOPICS, Priority};
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
