//! MQTT: the trigger, which calls components with the messages of a broker, and `spin:mqtt`, with which they publish.
//!
//! Where Spin's trigger acknowledges a message when it arrives, this one does so when the component has dealt with it: what was not is sent once
//! more by the broker, also after the program was killed. A component need not know, as it must take a message twice there as well.

mod address;
mod inbox;
mod link;
mod listener;
mod outbound;
mod settings;
mod topic;
mod window;
mod work;

pub use self::address::Address;
pub use self::link::{Identity, network_options};
pub use self::listener::Listener;
pub use self::outbound::{MqttAccess, MqttHost, MqttView};
pub use self::settings::{ADDRESS_VARIABLE, Settings, Subscription};
