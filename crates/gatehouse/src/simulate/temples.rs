//! Live data of the demo's temples: counts of people and positions of shuttles, sent by an operator.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::seed::api::Api;
use crate::seed::{crowd, shuttles};

/// From one update to the next. Each counts one temple and half of the shuttles.
const INTERVAL: Duration = Duration::from_secs(5);

/// Sends updates until `stop` is cancelled. Errors are ignored, as the next update follows soon.
pub(super) async fn send_updates(operator: Api, stop: CancellationToken) {
    let zones = crowd::zones();
    let temples: Vec<_> = zones.chunk_by(|one, other| one.site == other.site).collect();
    let mut clock = tokio::time::interval(INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for step in 0_usize.. {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let now = operator.now_ms();
        // All at the start, then in turn.
        for (_, temple) in temples.iter().enumerate().filter(|(index, _)| step == 0 || step % temples.len() == *index) {
            let Some(site) = temple.first().map(|zone| zone.site) else { continue };
            let counts: Vec<_> = temple.iter().map(|zone| zone.live(now)).collect();
            let _ = operator.post(&format!("/api/crowd/temple/{site}/update"), &serde_json::json!(counts)).await;
        }
        for (_, shuttle) in shuttles::SHUTTLES.iter().enumerate().filter(|(index, _)| step == 0 || index % 2 == step % 2) {
            let _ = operator.post(&format!("/api/transport/shuttles/{}/location", shuttle.id), &shuttle.position(now)).await;
        }
    }
}
