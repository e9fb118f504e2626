//! The live demo's temples: people counters and shuttles that speak all the while, as an operator, gently.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::seed::api::{Api, now_ms};
use crate::seed::{crowd, shuttles};

/// From one round of words to the next; a temple is counted at each, so that every zone is at each fourth.
const STEP: Duration = Duration::from_secs(5);

/// Speaks until `stop`. What is refused, or not answered, is let go: the next word comes soon.
pub(super) async fn live(operator: Api, stop: CancellationToken) {
    let zones = crowd::zones();
    let temples: Vec<_> = zones.chunk_by(|one, other| one.site == other.site).collect();
    let mut clock = tokio::time::interval(STEP);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for step in 0_usize.. {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let now = now_ms();
        // Everywhere at once in the beginning, then by turns.
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
