//! The monotonic clock: pauses and intervals of streams, which no change of the wall clock may stretch or end.

/// Milliseconds since a moment that never changes while the instance lives.
#[cfg(target_family = "wasm")]
pub fn now_ms() -> u64 {
    spin_sdk::wasip3::clocks::monotonic_clock::now() / 1_000_000
}

/// Waits. Every stream runs its own timer: a task that waits for nothing but another task of the instance would be a deadlock to
/// the component model's runtime.
#[cfg(target_family = "wasm")]
pub async fn sleep_ms(pause: u64) {
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(pause * 1_000_000).await;
}

/// Outside a component there are no streams.
#[cfg(not(target_family = "wasm"))]
pub fn now_ms() -> u64 {
    0
}

/// Outside a component there are no streams.
#[cfg(not(target_family = "wasm"))]
pub async fn sleep_ms(_pause: u64) {}
