//! Who a caller turned out to be.

use domain::role::Role;

/// A caller whose identity was proved.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user's id; `device:CODE` for a device that sent its key.
    pub id: String,
    /// The role.
    pub role: Role,
    /// For role `device`: its code.
    pub device: Option<String>,
}

impl Principal {
    /// Whether it may send data of this device: a device only its own, an operator any.
    pub fn may_send_for(&self, device_code: &str) -> bool {
        match &self.device {
            Some(own) if self.role == Role::Device => own.eq_ignore_ascii_case(device_code),
            _ => self.role.holds(Role::Operator),
        }
    }
}
