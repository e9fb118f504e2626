//! Prices as a table of rates: what is free at first, then an hour's price, with the day's cap, which begins anew at midnight.

use domain::time::format_rfc3339_millis;

use super::publication::{speech, time};
use super::tree::{Content, Node};
use crate::prices::Prices;
use crate::publisher::Publisher;
use crate::scope::{Site, version};

/// The rates of a site, or of a kind of its spaces.
pub fn table(site: &Site, prices: &Prices<'_>, publisher: &Publisher) -> Node {
    let amount = |amount: i64| Content::Amount(prices.decimal(amount));
    let rates = &prices.rates;
    let mut lines = Vec::new();
    if rates.free_minutes() > 0 {
        let free = Node::default()
            .attribute("sequence", 1)
            .with("fac", "rateLineType", Content::Word("flatRateTier"))
            .with("fac", "durationStart", Content::Text("00:00:00".to_owned()))
            .with_if("fac", "durationEnd", clock(rates.free_minutes()).map(Content::Text))
            .with("fac", "value", amount(0));
        lines.push(free);
    }
    let hourly = Node::default()
        .attribute("sequence", lines.len() + 1)
        .with("fac", "rateLineType", Content::Word("incrementingRate"))
        .with("fac", "incrementPeriod", Content::Text("PT1H".to_owned()))
        .with("fac", "value", amount(rates.per_hour()));
    lines.push(hourly);
    let collection = Node::default()
        .attribute("collectionSequence", 1)
        .with("fac", "applicableCurrency", Content::Text(prices.currency.to_owned()))
        .with("fac", "minValueCollection", amount(rates.minimum()))
        .with_if("fac", "maxValueCollection", rates.per_day().map(amount))
        .with("fac", "resetTime", Content::Text("00:00:00".to_owned()))
        .with("fac", "relativeTimes", Content::Flag(false))
        .with_items("fac", "rateLine", lines);
    let name = format!("{}{}", site.name, prices.suffix());
    Node::of_class("fac", "RateTable")
        .identified(format!("rate:{}{}", site.slug, prices.suffix()), version(site.updated_at))
        .with_item("fac", "applicableCurrency", Content::Text(prices.currency.to_owned()))
        .with("fac", "lastUpdated", time(site.updated_at.0))
        .with("fac", "rateTableName", speech(name, publisher))
        .with("fac", "availability", Content::Word("public"))
        .with("fac", "rateType", Content::Word("hourly"))
        .with("fac", "validityStart", Content::Text(format_rfc3339_millis(site.updated_at.0)))
        .with_item("fac", "rateLineCollection", Content::Node(collection))
}

/// Minutes as a time of the day; none for a whole day, which is no time.
fn clock(minutes: i64) -> Option<String> {
    (minutes < 24 * 60).then(|| format!("{:02}:{:02}:00", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_a_time_of_the_day() {
        assert_eq!((clock(90).as_deref(), clock(24 * 60)), (Some("01:30:00"), None));
    }
}
