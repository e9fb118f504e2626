//! What a run takes in hand beside what it has: the most urgent first, so many at a time, and of what people read so many a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::dispatch::throttle;
use kit::{Problem, host};

use crate::cause::Groups;
use crate::channels::is_read_by_people;
use crate::dispatch::Summary;
use crate::expand;
use crate::queue::{self, Class, Leased, Waiting};
use crate::settings::Settings;

/// Attempts that one run makes at a time: so many only when it has emergencies that were never tried. Behind receivers that stall they would
/// come too late.
pub const MOST: usize = 128;

/// Attempts beside which critical alerts that were never tried, and emergencies to be repeated, are taken.
const URGENT: usize = 64;

/// Attempts beside which all else is taken.
const ORDINARY: usize = 16;

/// Attempts that one contact gets at a time, beside emergencies: a receiver that stalls keeps nobody else waiting. First of what is urgent
/// and was never tried, then of all else.
const PER_CONTACT: [usize; 2] = [32, 8];

/// How often a run that is kept waiting looks for what can wait.
const LOOK_FOR_THE_REST: Duration = Duration::from_secs(1);

/// A channel's name and whom it reaches.
type Contact = (String, String);

/// The attempts that a run has on their way.
#[derive(Default)]
pub struct Intake {
    total: usize,
    of_contact: HashMap<Contact, usize>,
    /// When it looked for what can wait, unless an attempt has ended since.
    looked: Option<Instant>,
    /// What whoever began the run has seen just before.
    seen: Option<Waiting>,
    has_looked: bool,
}

impl From<Option<Waiting>> for Intake {
    fn from(seen: Option<Waiting>) -> Self {
        Self { seen, ..Self::default() }
    }
}

fn contact(leased: &Leased) -> Contact {
    (leased.message.channel.clone(), leased.message.contact.clone())
}

impl Intake {
    /// Takes what is due: how many messages, and those of them to be sent now. What was taken before the database failed is sent all the same;
    /// the next look fails then.
    pub fn take(&mut self, settings: &Settings, summary: &mut Summary) -> Result<(usize, Vec<Leased>), Problem> {
        let now = host::now_ms();
        let mut waiting = match self.seen.take() {
            Some(waiting) => waiting,
            None => queue::waiting(now, !self.has_looked)?,
        };
        self.has_looked = true;
        if waiting.ahead {
            queue::mend_clock(now)?;
            waiting = queue::waiting(now, false)?;
        }
        if waiting.outbox {
            let made = expand::expand(settings, now)?;
            summary.queued += made;
            if made > 0 {
                waiting = queue::waiting(now, false)?;
            }
        }
        let mut groups = Groups::default();
        let (mut took, mut all) = (0, Vec::new());
        let classes =
            [(Class::FirstOfEmergencies, MOST), (Class::Emergencies, URGENT), (Class::FirstOfAlerts, URGENT), (Class::Rest, ORDINARY)];
        for (class, most) in classes {
            if class == Class::Rest {
                if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_FOR_THE_REST) {
                    continue;
                }
                self.looked = (self.total > 0).then(Instant::now);
            }
            if !waiting.has(class) {
                continue;
            }
            match self.take_class(class, most.saturating_sub(self.total), now, &mut groups, summary) {
                Ok((count, admitted)) => {
                    took += count;
                    all.extend(admitted);
                }
                Err(_) if !all.is_empty() => break,
                Err(problem) => return Err(problem),
            }
        }
        Ok((took, all))
    }

    fn take_class(
        &mut self,
        class: Class,
        room: usize,
        now: i64,
        groups: &mut Groups,
        summary: &mut Summary,
    ) -> Result<(usize, Vec<Leased>), Problem> {
        let ids = if room > 0 { self.choose(class, room, now)? } else { Vec::new() };
        if ids.is_empty() {
            return Ok((0, Vec::new()));
        }
        let (leased, dropped) = queue::lease(&ids, now, groups)?;
        let took = leased.len() + dropped;
        summary.dropped += dropped;
        let (admitted, spared) = admit(leased, now)?;
        summary.throttled += spared;
        self.total += admitted.len();
        for leased in &admitted {
            *self.of_contact.entry(contact(leased)).or_default() += 1;
        }
        Ok((took, admitted))
    }

    /// An attempt has ended.
    pub fn landed(&mut self, leased: &Leased) {
        self.total = self.total.saturating_sub(1);
        self.looked = None;
        if let Some(flying) = self.of_contact.get_mut(&contact(leased)) {
            *flying = flying.saturating_sub(1);
        }
    }

    /// Which of this class to take, so that no contact gets more at a time than it should.
    fn choose(&self, class: Class, room: usize, now: i64) -> Result<Vec<String>, Problem> {
        let [of_urgent, of_rest] = PER_CONTACT;
        let most = match class {
            Class::FirstOfEmergencies | Class::Emergencies => usize::MAX,
            Class::FirstOfAlerts => of_urgent,
            Class::Rest => of_rest,
        };
        let full = |flying: usize| flying >= most;
        let busy: Vec<&Contact> = self.of_contact.iter().filter(|(_, flying)| full(**flying)).map(|(contact, _)| contact).collect();
        let busy = serde_json::to_string(&busy).map_err(Problem::internal)?;
        let mut taken: HashMap<Contact, usize> = HashMap::new();
        let mut ids = Vec::new();
        for candidate in queue::candidates(class, now, room, &busy)? {
            let contact = (candidate.channel, candidate.contact);
            let flying = self.of_contact.get(&contact).copied().unwrap_or_default();
            let taken = taken.entry(contact).or_default();
            if !full(flying + *taken) {
                *taken += 1;
                ids.push(candidate.id);
            }
        }
        Ok(ids)
    }
}

/// Sorts out whose contact must be spared for now, and gives those back; how many that were. Programs are not spared: they say it themselves.
fn admit(leased: Vec<Leased>, now: i64) -> Result<(Vec<Leased>, usize), Problem> {
    let (mut admitted, mut spared) = (Vec::new(), 0);
    let mut of_contact: HashMap<(Contact, i64), Vec<Leased>> = HashMap::new();
    for leased in leased {
        if is_read_by_people(&leased.message.channel) {
            of_contact.entry((contact(&leased), leased.priority.rank())).or_default().push(leased);
        } else {
            admitted.push(leased);
        }
    }
    for group in of_contact.into_values() {
        let Some(first) = group.first() else { continue };
        let load = queue::load(&first.message, first.priority, now)?;
        let own = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let mut load_now = load.sent.saturating_add(load.in_flight.saturating_sub(own));
        let mut is_rest_deferred = false;
        for leased in group {
            if !throttle(load_now, leased.priority) {
                load_now = load_now.saturating_add(1);
                admitted.push(leased);
                continue;
            }
            queue::defer(&leased, now, load.free_at)?;
            spared += 1;
            if !std::mem::replace(&mut is_rest_deferred, true) {
                spared += queue::defer_the_rest(&leased, now, load.free_at)?;
            }
        }
    }
    Ok((admitted, spared))
}
