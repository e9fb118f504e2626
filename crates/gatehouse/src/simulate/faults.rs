//! The shares of faulty readings.

use std::str::FromStr;

/// Shares in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Readings that arrive a minute or more after they were taken.
    pub late: f64,
    /// Readings that are sent twice.
    pub duplicate: f64,
    /// Readings that must be refused.
    pub bad: f64,
    /// Readings that begin a surge of power.
    pub surge: f64,
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        if text == "none" {
            return Ok(faults);
        }
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or("write it as late=3,duplicate=2,bad=2")?;
            let share: f64 = share.trim().parse().map_err(|_| format!("{share} is no percentage"))?;
            if !(0.0..=100.0).contains(&share) {
                return Err(format!("{share} is no percentage"));
            }
            match name.trim() {
                "late" => faults.late = share,
                "duplicate" => faults.duplicate = share,
                "bad" => faults.bad = share,
                "surge" => faults.surge = share,
                other => return Err(format!("there is no fault {other}; there are late, duplicate, bad and surge")),
            }
        }
        if faults.late + faults.duplicate + faults.bad + faults.surge > 100.0 {
            return Err("the shares come to more than 100".to_owned());
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_nonsense_is_refused() {
        assert_eq!("none".parse(), Ok(Faults::default()));
        assert_eq!("late=3, bad=0.5".parse(), Ok(Faults { late: 3.0, bad: 0.5, ..Faults::default() }));
        for bad in ["", "late", "late=x", "late=101", "late=60,bad=60", "cosmic=1", "late=NaN"] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }
}
