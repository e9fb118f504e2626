//! What a stream asks for.

use http::HeaderMap;
use kit::Problem;
use kit::problem::FieldErrors;

/// The channels of the feed.
const CHANNELS: [&str; 5] = ["alerts", "emergency", "crowd", "transport", "parking"];

/// What a request asks of the feed.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Channels; all when empty.
    pub channels: Vec<String>,
    /// Only this site's events, and those that are of no one site.
    pub site: Option<String>,
    /// The id of the last event that the client has.
    pub last_event_id: Option<i64>,
    /// A ticket, in place of a token.
    pub ticket: Option<String>,
    /// Whether everything is shown, not only what is public.
    pub everything: bool,
}

impl Wanted {
    /// From `channels`, `site`, `last_event_id` and `ticket` of the query, and the header `Last-Event-ID`, which wins: an EventSource
    /// that reconnects by itself sends the header with the query that it began with. 422 naming every bad one.
    pub fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        let mut errors = FieldErrors::new();
        let mut refuse = |name: &str, reason: String| errors.entry(name.to_owned()).or_default().push(reason);
        let mut last = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            match name.as_ref() {
                "channels" => {
                    for channel in value.split(',').map(str::trim).filter(|channel| !channel.is_empty()) {
                        if CHANNELS.contains(&channel) {
                            wanted.channels.push(channel.to_owned());
                        } else {
                            refuse("channels", format!("must be of {}", CHANNELS.join(", ")));
                        }
                    }
                }
                "site" => wanted.site = Some(value.into_owned()),
                "last_event_id" => last = Some(value.into_owned()),
                "ticket" => wanted.ticket = Some(value.into_owned()),
                name => refuse(name, "is not a filter of the feed".to_owned()),
            }
        }
        let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
        if let Some(text) = header.map(str::to_owned).or(last) {
            match text.trim().parse() {
                Ok(id) if id >= 0 => wanted.last_event_id = Some(id),
                _ => refuse("last_event_id", "must be the id of an event".to_owned()),
            }
        }
        if errors.is_empty() { Ok(wanted) } else { Err(Problem::invalid(errors)) }
    }

    /// Whether an event of this channel and site is asked for. What is of no one site, such as a broadcast to all, concerns each.
    pub fn takes(&self, channel: &str, site: Option<&str>) -> bool {
        (self.channels.is_empty() || self.channels.iter().any(|wanted| wanted == channel))
            && match (&self.site, site) {
                (Some(wanted), Some(site)) => wanted == site,
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_site_filter() {
        let wanted = Wanted::parse("channels=alerts,parking&site=somnath", &HeaderMap::new()).unwrap();
        assert!(wanted.takes("alerts", Some("somnath")));
        assert!(wanted.takes("alerts", None));
        assert!(!wanted.takes("alerts", Some("dwarka")));
        assert!(!wanted.takes("crowd", Some("somnath")));
        assert!(Wanted::parse("", &HeaderMap::new()).unwrap().takes("crowd", Some("dwarka")));
    }

    #[test]
    fn the_header_wins_over_the_query() {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", "12".parse().unwrap());
        assert_eq!(Wanted::parse("last_event_id=3", &headers).unwrap().last_event_id, Some(12));
        assert_eq!(Wanted::parse("last_event_id=3", &HeaderMap::new()).unwrap().last_event_id, Some(3));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let problem = Wanted::parse("channels=alerts,news&last_event_id=x&colour=red", &HeaderMap::new()).unwrap_err();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["channels", "colour", "last_event_id"]);
    }
}
