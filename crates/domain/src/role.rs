//! Roles and what each may do (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// Who a caller is. Declared from the least to the most: the order is the order of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Role {
    /// A member of the public: a driver or a pilgrim. Sees and changes only what is theirs.
    Visitor,
    /// A sensor. Sends its own device's data and reads what any signed-in caller may read.
    Device,
    /// Staff in a control room or at a gate; old clients call the role an authority (docs/reference/clients.md). May send readings for any device.
    Operator,
    /// Someone who integrates with the system.
    Developer,
    /// Manages sites, devices and users.
    Admin,
    /// Manages the admins.
    SuperAdmin,
}

impl Role {
    /// Whether a caller of this role has the rights of `required`: its own and those of the roles before it.
    ///
    /// A device passes where a visitor or a device is asked for. Which device's data it may send, and that it makes no
    /// booking or payment, is for the route to say: see [`is_person`](Self::is_person).
    pub fn holds(self, required: Self) -> bool {
        self >= required
    }

    /// Whether a human stands behind the role: everyone but a device.
    pub const fn is_person(self) -> bool {
        !matches!(self, Self::Device)
    }

    /// Whether a caller of this role may give someone the role `target`: only admins give roles, and no
    /// one gives a role above their own.
    pub fn may_grant(self, target: Self) -> bool {
        self.holds(Self::Admin) && target <= self
    }

    /// Whether a caller of this role may change, deactivate or delete an account that has the role `current`: only
    /// admins, and no one above their own role.
    pub fn may_manage(self, current: Self) -> bool {
        self.may_grant(current)
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn each_role_holds_its_own_rights_and_those_before_it() {
        for (i, role) in Role::VARIANTS.iter().copied().enumerate() {
            for (j, required) in Role::VARIANTS.iter().copied().enumerate() {
                assert_eq!(role.holds(required), i >= j, "{role} {required}");
            }
        }
    }

    #[test]
    fn an_operator_may_send_readings_and_a_device_may_not_operate() {
        assert!(Role::Operator.holds(Role::Device));
        assert!(Role::Device.holds(Role::Device));
        assert!(!Role::Visitor.holds(Role::Device));
        assert!(!Role::Device.holds(Role::Operator));
        assert!(!Role::Device.is_person());
    }

    #[test]
    fn no_one_raises_anyone_above_their_own_role() {
        for role in Role::VARIANTS.iter().copied() {
            for target in Role::VARIANTS.iter().copied() {
                let may = role.may_grant(target);
                assert!(!may || target <= role);
                assert!(!may || role >= Role::Admin);
                assert_eq!(role.may_manage(target), may);
            }
        }
        assert!(Role::Admin.may_grant(Role::Admin));
        assert!(!Role::Admin.may_grant(Role::SuperAdmin));
        assert!(Role::SuperAdmin.may_grant(Role::SuperAdmin));
        assert!(!Role::Developer.may_grant(Role::Visitor));
    }

    #[test]
    fn names_are_stable_in_text_and_json() {
        for role in Role::VARIANTS.iter().copied() {
            assert_eq!(role.into_str().parse(), Ok(role));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("\"{role}\""));
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
        assert!("Admin".parse::<Role>().is_err());
        assert!("root".parse::<Role>().is_err());
    }
}
