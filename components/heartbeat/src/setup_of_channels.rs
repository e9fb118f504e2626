//! Which channels are set up, for the component that administrators ask. Names and booleans: no secret, no address, no number.

use axum::Json;
use kit::Answer;
use kit::trusted::Trusted;
use serde::Serialize;
use utoipa::ToSchema;

use crate::channels::Person;
use crate::settings::Settings;

/// A channel.
#[derive(Serialize, ToSchema)]
pub struct ChannelSetup {
    /// Its name in messages and deliveries.
    channel: &'static str,
    /// Whether what concerns the control room goes through it.
    tells_control_room: bool,
    /// Whether a person is told through it of what is theirs.
    tells_people: bool,
}

/// Every channel that there is.
#[derive(Serialize, ToSchema)]
pub struct ChannelSetups {
    /// In the order in which somebody is told.
    channels: Vec<ChannelSetup>,
}

/// Says which channels are set up.
#[utoipa::path(post, path = "/internal/dispatch/channels")]
pub async fn channels(_: Trusted) -> Answer<Json<ChannelSetups>> {
    // Somebody whom every channel could reach.
    let somebody = Person { email: Some("a@b.example".to_owned()), phone: Some("+10000000000".to_owned()) };
    let settings = Settings::load().await?;
    let channels = settings.channels.iter().map(|channel| ChannelSetup {
        channel: channel.name(),
        tells_control_room: !channel.control_room().is_empty(),
        tells_people: channel.is_for_people() && channel.person(&somebody).is_some(),
    });
    Ok(Json(ChannelSetups { channels: channels.collect() }))
}
