//! The edge of a component that the MQTT trigger calls (`[[trigger.mqtt]]` in the manifest).

/// Exports the handler of MQTT messages: `handle` is an `async fn(topic: String, message: Vec<u8>) -> Result<(), Problem>`. What it gives as
/// `Ok` has been dealt with, be it refused; an `Err` says that nothing was done, and that the message is to be given once more.
#[macro_export]
macro_rules! message_component {
    ($handle:path) => {
        /// What a message does. Natively nobody calls it.
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        async fn component_message(topic: String, message: Vec<u8>) -> ::std::result::Result<(), $crate::Problem> {
            $handle(topic, message).await
        }

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, missing_docs)]
        mod message {
            ::wit_bindgen::generate!({ path: "../../wit/mqtt.wit", world: "spin-mqtt" });

            struct Handler;
            export!(Handler);

            impl Guest for Handler {
                async fn handle_message(message: Payload, metadata: Metadata) -> Result<(), Error> {
                    $crate::host::log_panics();
                    match super::component_message(metadata.topic, message).await {
                        Ok(()) => Ok(()),
                        Err(problem) => Err(Error::Other(problem.cause().unwrap_or(problem.detail()).to_owned())),
                    }
                }
            }
        }
    };
}
