//! What a chart shows, in words.

use crate::model::{Axis, Label, Unit, known};
use crate::number::spoken;

/// The sentences of a picture's `<desc>`.
#[derive(Default)]
pub struct Words(Vec<String>);

impl Words {
    /// Of a chart of this kind.
    pub fn new(kind: &str, subtitle: &str) -> Self {
        let mut words = Self::default();
        words.say(kind);
        words.say(subtitle);
        words
    }

    pub fn say(&mut self, sentence: &str) {
        let sentence = sentence.trim().trim_end_matches('.');
        if !sentence.is_empty() {
            self.0.push(sentence.to_owned());
        }
    }

    /// What an axis measures.
    pub fn axis(&mut self, which: &str, axis: &Axis) {
        if !axis.name.is_empty() {
            self.say(&format!("{which}: {}", axis.name));
        }
    }

    /// The extremes of a series and where they are.
    pub fn series(&mut self, name: &str, values: &[Option<f64>], places: &[Label], unit: &Unit) {
        let name = if name.is_empty() { "Values" } else { name };
        let known: Vec<_> = values.iter().zip(places).filter_map(|(value, place)| Some((known(*value)?, place.by_itself()))).collect();
        let Some(highest) = known.iter().copied().reduce(|a, b| if b.0 > a.0 { b } else { a }) else {
            self.say(&format!("{name}: no data"));
            return;
        };
        let lowest = known.iter().copied().reduce(|a, b| if b.0 < a.0 { b } else { a }).unwrap_or(highest);
        let at = |(value, place): (f64, &str)| format!("{} at {place}", spoken(value, unit));
        let last = known.last().copied().unwrap_or(highest);
        self.say(&format!("{name}: lowest {}, highest {}, last {}", at(lowest), at(highest), at(last)));
    }

    pub fn finish(self) -> String {
        let mut text = self.0.join(". ");
        text.push('.');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_said_with_their_places() {
        let mut words = Words::new("Bar chart", "Somnath.");
        let places = ["1 Nov", "2 Nov", "3 Nov"].map(Label::new);
        words.series("People", &[Some(3.0), None, Some(9.0)], &places, &Unit::whole());
        words.series("Nobody", &[None, Some(f64::NAN)], &places, &Unit::whole());
        assert_eq!(words.finish(), "Bar chart. Somnath. People: lowest 3 at 1 Nov, highest 9 at 3 Nov, last 9 at 3 Nov. Nobody: no data.");
    }
}
