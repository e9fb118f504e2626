//! What devices are told, over a connection that the instance keeps. Telling is an extra: that it fails is logged once a minute, and fails nothing.

/// How long one message may take, milliseconds, the connection included.
#[cfg(target_family = "wasm")]
const PATIENCE_MS: u64 = 5_000;

/// How long a broker that does not answer is left alone, milliseconds: what is told must not hold up what is stored.
#[cfg(target_family = "wasm")]
const PAUSE_MS: i64 = 10_000;

#[cfg(target_family = "wasm")]
pub use guest::publish;

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn publish(_topic: String, _payload: Vec<u8>) {}

#[cfg(target_family = "wasm")]
mod guest {
    use std::cell::{Cell, RefCell};
    use std::pin::pin;
    use std::rc::Rc;

    use domain::time::MINUTE_MS;
    use futures::future::{Either, select};
    use kit::{config, host};
    use spin_sdk::mqtt::{Connection, Qos};
    use spin_sdk::wasip3::clocks::monotonic_clock::wait_for;

    use super::{PATIENCE_MS, PAUSE_MS};

    /// The client says that it is there so often, seconds.
    const KEEP_ALIVE_S: u64 = 30;

    thread_local! {
        static KEPT: RefCell<Option<Rc<Connection>>> = const { RefCell::new(None) };
        /// When the broker last did not answer, and when the log last said so.
        static FAILED: Cell<(Option<i64>, Option<i64>)> = const { Cell::new((None, None)) };
    }

    /// Publishes at least once (QoS 1), not retained.
    pub async fn publish(topic: String, payload: Vec<u8>) {
        let now = host::now_ms();
        if FAILED.get().0.is_some_and(|at| (0..PAUSE_MS).contains(&(now - at))) {
            return;
        }
        let sending = pin!(send(topic.clone(), payload));
        let error = match select(sending, pin!(wait_for(PATIENCE_MS * 1_000_000))).await {
            Either::Left((Ok(()), _)) => return FAILED.set((None, FAILED.get().1)),
            Either::Left((Err(error), _)) => error,
            Either::Right(_) => format!("no answer within {} s", PATIENCE_MS / 1000),
        };
        KEPT.set(None);
        let told = FAILED.get().1.filter(|at| (0..MINUTE_MS).contains(&(now - at)));
        if told.is_none() {
            host::log("warn", "not published", serde_json::json!({ "topic": topic, "error": error }));
        }
        FAILED.set((Some(now), told.or(Some(now))));
    }

    /// On the kept connection, or on a new one where that has ended meanwhile.
    async fn send(topic: String, payload: Vec<u8>) -> Result<(), String> {
        if let Some(kept) = KEPT.with_borrow(Clone::clone)
            && kept.publish(&topic, payload.clone(), Qos::AtLeastOnce).await.is_ok()
        {
            return Ok(());
        }
        let connection = Rc::new(connect().await?);
        connection.publish(&topic, payload, Qos::AtLeastOnce).await.map_err(|error| format!("{error:?}"))?;
        KEPT.set(Some(connection));
        Ok(())
    }

    /// Under a name of its own: the broker ends a connection whose name another one takes.
    async fn connect() -> Result<Connection, String> {
        let variable = async |name| config::get(name).await.map_err(|problem| problem.detail().to_owned());
        let (address, username, password) =
            (variable("mqtt_address").await?, variable("mqtt_username").await?, variable("mqtt_password").await?);
        let id = host::new_id(host::now_ms()).map_err(|problem| problem.detail().to_owned())?;
        let address = format!("{}?client_id=gatehouse-{id}", address.trim().trim_end_matches('/'));
        let connection = Connection::open(address, username, password, KEEP_ALIVE_S).await;
        // The error may repeat the address, which holds no secret.
        connection.map_err(|error| format!("{error:?}"))
    }
}
