//! What a stream is to carry.

use axum::extract::FromRequestParts;
use http::Method;
use http::request::Parts;
use kit::api::{Describe, Request};
use kit::db::Executor;
use kit::input::{self, At, Field, Input, SchemaRef, Schemas, Secret, Text, Value};
use kit::request::Query;
use kit::{Problem, sites};
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};

/// A channel of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Channel {
    Alerts,
    Emergency,
    Crowd,
    Transport,
    Parking,
}

kit::text_enum!(Channel);

/// Channels, apart by commas.
#[derive(Debug, Default)]
struct Channels(Vec<Channel>);

impl Field for Channels {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let names = value.as_str().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        let channels = names.map(|name| name.parse().ok()).collect::<Option<Vec<_>>>();
        if channels.is_none() {
            at.refuse(format!("must be of {}", Channel::VARIANTS.join(", ")));
        }
        channels.map(Self)
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        let one = Channel::VARIANTS.join("|");
        input::pattern(&format!("^({one})(,({one}))*$")).into()
    }
}

/// The id of an event that was received, 0 before the first.
#[derive(Clone, Copy, Debug)]
struct EventId(i64);

impl Field for EventId {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let id = value.as_str().and_then(|text| text.trim().parse().ok()).filter(|id| *id >= 0);
        if id.is_none() {
            at.refuse("must be the id of an event");
        }
        id.map(Self)
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        input::pattern("^[0-9]{1,18}$").into()
    }
}

/// The query of a stream.
#[derive(Debug, Input)]
struct Parameters {
    /// Channels, apart by commas; all of them when it is left out.
    channels: Option<Channels>,
    /// Only this site's events, and those that are of no one site.
    site: Option<Text<1, 64>>,
    /// The id of the last event that was received: the stream goes on after it. The header `Last-Event-ID` wins.
    last_event_id: Option<EventId>,
    /// A ticket, in place of a token: a browser's `EventSource` cannot send headers.
    ticket: Option<Secret<128>>,
}

/// What a request asks of the feed.
#[derive(Debug, Default)]
pub struct Subscription {
    channels: Vec<Channel>,
    site: Option<String>,
    /// The id of the last event that the client has.
    pub last_event_id: Option<i64>,
    /// A ticket, in place of a token.
    pub ticket: Option<String>,
    /// Whether only the headers are asked for.
    pub is_head: bool,
    /// Whether everything is shown, not only what is public.
    pub everything: bool,
}

impl Subscription {
    /// From the query and the header `Last-Event-ID`, which wins: an `EventSource` that reconnects by itself sends the header with the query
    /// that it began with. 422 names every bad parameter.
    fn parse(query: &str, header: Option<&str>) -> Result<Self, Problem> {
        let mut query = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
        query.extend(header.filter(|id| !id.is_empty()).map(|id| ("last_event_id".to_owned(), id.to_owned())));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let parameters: Parameters = input::parse_query(&query, 0)?;
        Ok(Self {
            channels: parameters.channels.unwrap_or_default().0,
            site: parameters.site.map(String::from),
            last_event_id: parameters.last_event_id.map(|id| id.0),
            ticket: parameters.ticket.map(|ticket| ticket.to_string()),
            is_head: false,
            everything: false,
        })
    }

    /// Returns 422 if the site that is named does not exist: its stream would stay silent for ever.
    pub fn require_site(&self, db: &dyn Executor) -> Result<(), Problem> {
        match &self.site {
            Some(site) if !sites::exists(db, site)? => Err(sites::unknown_in_body("site", "site")),
            _ => Ok(()),
        }
    }

    /// Whether an event of this channel and site is asked for. What is of no one site, such as a broadcast to all, concerns each.
    pub fn takes(&self, channel: Channel, site: Option<&str>) -> bool {
        (self.channels.is_empty() || self.channels.contains(&channel))
            && match (&self.site, site) {
                (Some(wanted), Some(site)) => wanted == site,
                _ => true,
            }
    }
}

impl<S: Sync> FromRequestParts<S> for Subscription {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let mut subscription = Self::parse(parts.uri.query().unwrap_or_default(), header)?;
        subscription.is_head = parts.method == Method::HEAD;
        Ok(subscription)
    }
}

impl Describe for Subscription {
    fn describe(request: &mut Request<'_>) {
        Query::<Parameters>::describe(request);
        let header = ParameterBuilder::new()
            .name("Last-Event-ID")
            .parameter_in(ParameterIn::Header)
            .description(Some("The id of the last event that was received, as an `EventSource` sends it when it reconnects."));
        let schema = EventId::schema(request.schemas);
        request.parameter(header.schema(Some(schema)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Subscription {
        Subscription::parse(query, None).unwrap()
    }

    #[test]
    fn channels_and_site_filter() {
        let subscription = parse("channels=alerts,parking&site=somnath");
        assert!(subscription.takes(Channel::Alerts, Some("somnath")));
        assert!(subscription.takes(Channel::Alerts, None));
        assert!(!subscription.takes(Channel::Alerts, Some("dwarka")));
        assert!(!subscription.takes(Channel::Crowd, Some("somnath")));
        assert!(parse("").takes(Channel::Crowd, Some("dwarka")));
    }

    #[test]
    fn the_header_wins_over_the_query() {
        assert_eq!(Subscription::parse("last_event_id=3", Some("12")).unwrap().last_event_id, Some(12));
        assert_eq!(parse("last_event_id=3").last_event_id, Some(3));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let problem = Subscription::parse("channels=alerts,news&last_event_id=x&colour=red", None).unwrap_err();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["channels", "colour", "last_event_id"]);
    }
}
