//! What a client that comes back has missed.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::sleep;

use crate::client::{Client, Gone};
use crate::event::{Event, Kind, coalesce};
use crate::feed::Shared;
use crate::upstream::{Block, OpenError};

/// When the application is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where what was missed comes from.
pub(crate) enum Missed {
    /// It was kept here.
    Kept(Vec<Arc<Event>>),
    /// The application has it, after one id up to another.
    Upstream { after: i64, until: i64 },
}

/// Gives a client what it has missed, and then what has come meanwhile.
pub(crate) async fn catch_up(feed: Arc<Shared>, client: Arc<Client>, missed: Missed) {
    let whole = match missed {
        Missed::Kept(mut events) => {
            coalesce(&mut events, |event| Some(event));
            send_all(&client, &events).await
        }
        Missed::Upstream { after, until } => tokio::select! {
            () = client.gone.cancelled() => false,
            whole = replay(&feed, &client, after, until) => whole,
        },
    };
    if whole {
        client.settle().await;
    }
}

async fn send_all(client: &Client, events: &[Arc<Event>]) -> bool {
    for event in events {
        if !client.send(event).await {
            return false;
        }
    }
    true
}

/// Reads a stream of the application from where the client was to where the feed was when it came. False when the client is gone.
async fn replay(feed: &Shared, client: &Client, mut after: i64, until: i64) -> bool {
    let channels = client.channels();
    loop {
        let Ok(turn) = feed.replays.acquire().await else { return false };
        match feed.upstream.open(feed.token.as_deref(), &channels, Some(after)).await {
            Ok(mut stream) => {
                feed.metrics.replayed();
                while let Some(mut blocks) = stream.next().await {
                    coalesce(&mut blocks, Block::event);
                    for block in blocks {
                        // Where ids have begun anew there is no place to read up to.
                        let is_anew = block.id() < after;
                        after = block.id();
                        if let Block::Event(event) = block
                            && (event.kind == Kind::Reset || event.id <= until)
                            && client.wants(&event)
                            && !client.send(&Arc::new(event)).await
                        {
                            return false;
                        }
                        if after >= until || is_anew {
                            return true;
                        }
                    }
                }
            }
            Err(OpenError::Unauthorized) => {
                client.end(Gone::Session);
                return false;
            }
            Err(OpenError::Unavailable(..)) => {}
        }
        drop(turn);
        sleep(AGAIN).await;
    }
}
