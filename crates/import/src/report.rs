//! What an import did, or would do: what was moved, what was not and why, what nobody has asked for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Examples that are kept of each reason.
const EXAMPLES: usize = 5;

/// A reason, how often, and the first records that it was met with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// How often.
    pub count: u64,
    /// The first: the old id, and what it is about.
    pub examples: Vec<String>,
}

/// What became of the records of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// What they are: `users`, `devices`, …
    pub kind: String,
    /// The tables that they are read from.
    pub tables: Vec<String>,
    /// Records that were read.
    pub read: u64,
    /// Records that were written.
    pub written: u64,
    /// Records that an earlier import has written, or that the series has already.
    pub already: u64,
    /// Records whose like was here under its own key: theirs stands for the old one.
    pub joined: u64,
    /// Records that were not moved, by reason.
    pub refused: BTreeMap<String, Reason>,
    /// Records that were moved otherwise than they were, by reason.
    pub noted: BTreeMap<String, Reason>,
    /// Fields that are not moved, with how many records have them.
    pub unmapped: BTreeMap<String, u64>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `s1` to `s5`.
    pub source: String,
    /// Whether nothing was changed.
    pub is_dry_run: bool,
    /// What became of the records of each kind, in the order in which they were moved.
    pub moved: Vec<Moved>,
    /// Tables that are not moved, with their records.
    pub unmapped_tables: BTreeMap<String, u64>,
}

impl Reason {
    fn add(&mut self, example: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example);
        }
    }
}

impl Moved {
    /// A record was not moved.
    pub fn refuse(&mut self, old_id: &str, reason: &str, detail: &str) {
        self.refused.entry(reason.to_owned()).or_default().add(example(old_id, detail));
    }

    /// A record was moved otherwise than it was.
    pub fn note(&mut self, old_id: &str, reason: &str, detail: &str) {
        self.noted.entry(reason.to_owned()).or_default().add(example(old_id, detail));
    }
}

fn example(old_id: &str, detail: &str) -> String {
    // One line each, and short.
    let text: String = format!("{old_id}: {detail}").chars().map(|c| if c.is_control() { ' ' } else { c }).take(160).collect();
    text.trim_end_matches([':', ' ']).to_owned()
}

impl Report {
    /// What became of the records of this kind.
    pub fn of(&self, kind: &str) -> Option<&Moved> {
        self.moved.iter().find(|moved| moved.kind == kind)
    }

    /// How many records were written.
    pub fn written(&self) -> u64 {
        self.moved.iter().map(|moved| moved.written).sum()
    }

    /// How many records were not moved.
    pub fn refused(&self) -> u64 {
        self.moved.iter().flat_map(|moved| moved.refused.values()).map(|reason| reason.count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (title, verb) = if self.is_dry_run { ("Dry run: nothing was changed.", "would be written") } else { ("Done.", "written") };
        writeln!(f, "{title} From {}:", self.source)?;
        for moved in &self.moved {
            let Moved { kind, tables, read, written, already, joined, refused, noted, unmapped } = moved;
            let count: u64 = refused.values().map(|reason| reason.count).sum();
            writeln!(
                f,
                "\n{kind} ({}): {read} read, {written} {verb}, {already} were there, {joined} joined, {count} refused",
                tables.join(", ")
            )?;
            for (title, reasons) in [("refused", refused), ("noted", noted)] {
                for (reason, Reason { count, examples }) in reasons {
                    writeln!(f, "  {title} {count}: {reason}")?;
                    for example in examples {
                        writeln!(f, "      {example}")?;
                    }
                }
            }
            if !unmapped.is_empty() {
                let fields: Vec<_> = unmapped.iter().map(|(field, count)| format!("{field} ({count})")).collect();
                writeln!(f, "  fields that are not moved: {}", fields.join(", "))?;
            }
        }
        if !self.unmapped_tables.is_empty() {
            let tables: Vec<_> = self.unmapped_tables.iter().map(|(table, count)| format!("{table} ({count})")).collect();
            writeln!(f, "\ntables that are not moved: {}", tables.join(", "))?;
        }
        Ok(())
    }
}
