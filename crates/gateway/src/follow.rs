//! Following a stream of the application, through its restarts and its planned ends.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{sleep, timeout};

use crate::feed::{Shared, State};
use crate::upstream::{Block, OpenError};

/// When a stream that has ended as planned is opened again.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An application that does not say when a resumed stream has caught up is taken to have after this long.
const WARM_UP: Duration = Duration::from_secs(3);

/// Follows a feed's stream, beginning with the newest `warm` events, until its token is not valid any more.
pub(crate) async fn follow(feed: Arc<Shared>, warm: i64) {
    let (mut after, mut failures) = (None, 0);
    // It is live once everything up to here has been read.
    let mut target = i64::MIN;
    loop {
        let pause = match feed.upstream.open(feed.token.as_deref(), &[], after).await {
            Ok(mut stream) => {
                let mut has_come = false;
                loop {
                    let is_live = *feed.state.borrow() == State::Live;
                    let blocks = match timeout(if is_live { Duration::MAX } else { WARM_UP }, stream.next()).await {
                        Ok(Some(blocks)) => blocks,
                        Ok(None) => break,
                        Err(_) if has_come => {
                            feed.set_state(State::Live);
                            continue;
                        }
                        Err(_) => continue,
                    };
                    let Some(first) = blocks.first().map(Block::id) else { continue };
                    has_come = true;
                    failures = 0;
                    if after.is_none() {
                        let start = (first - warm).max(0);
                        feed.begin_at(start);
                        if start < first {
                            (after, target) = (Some(start), first);
                            break;
                        }
                    }
                    feed.publish(blocks);
                    let cursor = feed.cursor();
                    after = Some(cursor);
                    if !is_live && cursor >= target {
                        feed.set_state(State::Live);
                    }
                }
                AT_ONCE
            }
            Err(OpenError::Unauthorized) => {
                feed.end();
                return;
            }
            Err(error @ OpenError::Unavailable(..)) => {
                if failures == 0 {
                    tracing::warn!("the feed cannot be opened: {error}");
                }
                feed.set_state(State::Down);
                failures += 1;
                let pause = Duration::from_millis(250 << failures.min(5)).min(LONGEST_PAUSE);
                let asked = match error {
                    OpenError::Unavailable(_, Some(asked)) => asked.min(LONGEST_PAUSE),
                    _ => Duration::ZERO,
                };
                // Apart from each other, where many gateways wait for one application.
                pause.max(asked).mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        };
        sleep(pause).await;
    }
}
