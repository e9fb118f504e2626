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
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(pause.saturating_mul(1_000_000)).await;
}

/// Milliseconds since a moment that never changes while the process lives.
#[cfg(not(target_family = "wasm"))]
pub fn now_ms() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Waits, on a thread of its own: unit tests run on whatever executor they like, and limits must hold there as they do in a component.
#[cfg(not(target_family = "wasm"))]
pub async fn sleep_ms(pause: u64) {
    let (done, over) = futures::channel::oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        // Nobody may be waiting any more.
        let _ = done.send(());
    });
    let _ = over.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lasts_as_long_as_it_says() {
        let before = now_ms();
        futures::executor::block_on(sleep_ms(30));
        assert!((30..5_000).contains(&(now_ms() - before)));
    }
}
