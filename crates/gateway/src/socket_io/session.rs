//! A Socket.IO client: its feed, what it asks for, its end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef, TryData};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::words::{Connect, room, rooms};
use crate::client::{Client, Full, Gone, Sink};
use crate::event::Event;
use crate::feed::{Feed, Membership};
use crate::gateway::Shared;
use crate::limits::{Admitted, Rate};
use crate::metrics::Transport;
use crate::refusal::Refusal;
use crate::request::Wishes;
use crate::room::Room;

/// When one who could not be told that it is sent away is told again.
const AGAIN: Duration = Duration::from_secs(1);

/// A session's part in the gateway's counts, and what ends its WebSocket; it travels with the handshake's request.
#[derive(Clone)]
pub struct Session {
    /// Its place.
    pub admitted: Admitted,
    /// Ends its WebSocket, when it began with that.
    pub gone: CancellationToken,
    /// What its handshake says.
    pub wishes: Arc<Wishes>,
}

struct Emitter(SocketRef);

impl Sink for Emitter {
    fn try_send(&self, event: &Arc<Event>) -> Result<(), Full> {
        // One that is closed is on its way out.
        match self.0.emit(event.kind.socket_io(), &*event.socket_io) {
            Err(socketioxide::SendError::Socket(socketioxide::SocketError::InternalChannelFull)) => Err(Full),
            _ => Ok(()),
        }
    }
}

/// A client that has connected.
#[derive(Clone)]
struct Member(Arc<Place>);

struct Place {
    shared: Arc<Shared>,
    membership: Membership,
    admitted: Option<Admitted>,
    rate: Mutex<Rate>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.metrics.left(Transport::SocketIo);
    }
}

/// Before a client is connected: the feed that it gets, by its token. An error is what the client's `connect_error` says.
pub async fn find_feed(shared: &Shared, socket: &SocketRef, auth: Option<Value>) -> Result<(), String> {
    let session = socket.req_parts().extensions.get::<Session>().cloned();
    let refused = |refusal: Refusal| {
        shared.metrics.refused(refusal.reason);
        refusal.detail.to_owned()
    };
    // A session may connect over and over, and the application is asked about each new token.
    if session.as_ref().is_some_and(|session| !session.admitted.may_send()) {
        return Err(refused(Refusal::too_many_messages()));
    }
    let own = session.as_ref().map(|session| session.wishes.clone()).unwrap_or_default();
    let mut connect = Connect::read(auth.as_ref(), &own, shared.limits.rooms)?;
    let feed = shared.hub.feed(connect.token.as_deref()).await.map_err(|error| refused(error.into()))?;
    // What happens as soon as it is told that it is connected is for it.
    connect.last_event_id.get_or_insert_with(|| feed.cursor());
    socket.extensions.insert((feed, Arc::new(connect)));
    // What it says as soon as it is connected waits until it has joined its feed.
    let (say, heard) = mpsc::channel(shared.limits.queue);
    socket.extensions.insert(Heard(Arc::new(Mutex::new(Some(heard)))));
    let hear = |wish: fn(Value) -> Wish| {
        let say = say.clone();
        move |socket: SocketRef, TryData(data): TryData<Value>, ack: AckSender| {
            let said = Box::new(Said { wish: wish(data.unwrap_or_default()), ack });
            if let Err(TrySendError::Full(_)) = say.try_send(said)
                && let Some(Member(place)) = socket.extensions.get::<Member>()
            {
                place.membership.client.end(Gone::Talkative);
            }
            std::future::ready(())
        }
    };
    socket.on("subscribe", hear(Wish::Subscribe));
    socket.on("unsubscribe", hear(Wish::Unsubscribe));
    socket.on_fallback(hear(|_| Wish::Unknown));
    Ok(())
}

/// An event of a client. They are answered one after another: the futures of socketioxide's handlers run side by side, and a client that leaves
/// a room and enters another would be in either or both.
struct Said {
    wish: Wish,
    ack: AckSender,
}

enum Wish {
    Subscribe(Value),
    Unsubscribe(Value),
    Unknown,
}

/// What a client has said until it has joined its feed, and says from then on. Boxed, as each client has room for some from the beginning.
#[derive(Clone)]
struct Heard(Arc<Mutex<Option<mpsc::Receiver<Box<Said>>>>>);

/// Once a client is connected: it joins its feed.
pub fn connected(shared: Arc<Shared>, connections: Arc<Connections>, socket: SocketRef) {
    let Some((feed, connect)) = socket.extensions.remove::<(Arc<Feed>, Arc<Connect>)>() else { return };
    let session = socket.req_parts().extensions.get::<Session>().cloned();
    let client = Client::new(shared.hub.next_client(), Box::new(Emitter(socket.clone())), false, shared.limits.queue);
    shared.metrics.joined(Transport::SocketIo);
    socket.on_disconnect(|socket: SocketRef| {
        forget(&socket);
        async {}
    });
    let membership = feed.join(client.clone(), &connect.rooms, connect.last_event_id.unwrap_or_else(|| feed.cursor()));
    let place = Place {
        membership,
        admitted: session.as_ref().map(|session| session.admitted.clone()),
        rate: Mutex::new(Rate::new(shared.limits.messages)),
        shared: shared.clone(),
    };
    let place = Arc::new(place);
    socket.extensions.insert(Member(place.clone()));
    let heard = socket.extensions.remove::<Heard>().and_then(|Heard(heard)| heard.lock().take());
    // It may have left before there was anybody to be told of that.
    if !socket.connected() {
        forget(&socket);
    }
    tokio::spawn(async move {
        let answers = answer_all(place, socket.clone(), heard);
        client.gone.run_until_cancelled(answers).await;
        if let Some(reason) = client.reason() {
            let upgraded = connections.of(&socket.id.to_string());
            let transport = upgraded.or(session.map(|session| session.gone));
            send_away(&shared, &socket, transport, reason).await;
        }
    });
}

/// Takes a client out of its feed. It is reached through the socket, which holds it.
pub fn forget(socket: &SocketRef) {
    let Some(Member(place)) = socket.extensions.remove::<Member>() else { return };
    let client = &place.membership.client;
    if let Some(reason) = client.reason() {
        place.shared.metrics.dropped(reason);
    }
    client.gone.cancel();
}

/// Answers what a client says for as long as it is there.
async fn answer_all(place: Arc<Place>, socket: SocketRef, heard: Option<mpsc::Receiver<Box<Said>>>) {
    if let Some(mut heard) = heard {
        while let Some(said) = heard.recv().await {
            answer(&place, &socket, *said);
        }
    }
    std::future::pending().await
}

/// Answers an event of a client, by an acknowledgement where it asks for one.
fn answer(place: &Place, socket: &SocketRef, said: Said) {
    place.shared.metrics.message(Transport::SocketIo);
    if !place.rate.lock().take() || !place.admitted.as_ref().is_none_or(Admitted::may_send) {
        return place.membership.client.end(Gone::Talkative);
    }
    let answer = match &said.wish {
        Wish::Subscribe(wish) => place.subscribe(wish),
        Wish::Unsubscribe(wish) => place.unsubscribe(wish),
        Wish::Unknown => Err("there is no such event".to_owned()),
    };
    match answer {
        Ok(answer) => drop(said.ack.send(&answer)),
        Err(error) => {
            socket.emit("subscribe_error", &json!({ "error": error })).ok();
            said.ack.send(&json!({ "error": error })).ok();
        }
    }
}

impl Place {
    fn subscribe(&self, wish: &Value) -> Result<Value, String> {
        let wished = rooms(wish)?;
        let client = &self.membership.client;
        if client.rooms().len() + wished.len() > self.shared.limits.rooms {
            return Err(format!("a client is in {} rooms at most", self.shared.limits.rooms));
        }
        for room in wished {
            // Whoever asks for a part of what everybody gets wants that part alone.
            let whole = Room::all_of(room.channel);
            if room != whole && Connect::DEFAULT.contains(&room.channel) {
                self.membership.leave(&whole);
            }
            self.membership.enter(&room);
        }
        Ok(self.rooms())
    }

    fn unsubscribe(&self, wish: &Value) -> Result<Value, String> {
        for room in rooms(wish)? {
            self.membership.leave(&room);
        }
        Ok(self.rooms())
    }

    fn rooms(&self) -> Value {
        json!({ "rooms": self.membership.client.rooms().iter().map(room).collect::<Vec<_>>() })
    }
}

/// Ends a session: one whose token is void is told so, and does not come back by itself; others do.
async fn send_away(shared: &Shared, socket: &SocketRef, transport: Option<CancellationToken>, reason: Gone) {
    if reason == Gone::Session {
        let detail = "the session has ended, or the token has expired: come back with another";
        socket.emit("session_ended", &json!({ "error": detail })).ok();
    } else if let Some(transport) = transport.filter(|_| reason == Gone::Slow) {
        transport.cancel();
    }
    while socket.connected() && !shared.abort.is_cancelled() && socket.clone().disconnect().is_err() {
        tokio::time::sleep(AGAIN).await;
    }
}
