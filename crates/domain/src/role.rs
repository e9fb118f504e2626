//! Roles and what each may do (contract §1).

use serde::{Deserialize, Serialize};

/// Who a caller is. Declared from the least to the most: the order is the order of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A member of the public, a pilgrim in S3. Sees and changes only what is theirs.
    Visitor,
    /// A sensor. Sends its own device's data and reads what any signed-in caller may read.
    Device,
    /// Staff in a control room or at a gate, an authority in S3. May send readings for any device.
    Operator,
    /// Someone who integrates with the system.
    Developer,
    /// Manages sites, devices and users.
    Admin,
    /// Manages the admins.
    SuperAdmin,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 6] = [Self::Visitor, Self::Device, Self::Operator, Self::Developer, Self::Admin, Self::SuperAdmin];

    /// The stable name, as in tokens and in the database: `visitor`, `device`, … `super_admin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Device => "device",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The role of that name, exactly as [`as_str`](Self::as_str) writes it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

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

    /// Whether a caller of this role may give someone the role `target` (contract §2): only admins give roles, and no
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

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_its_own_rights_and_those_before_it() {
        for (i, role) in Role::ALL.into_iter().enumerate() {
            for (j, required) in Role::ALL.into_iter().enumerate() {
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
        for role in Role::ALL {
            for target in Role::ALL {
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
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            let json = serde_json::to_string(&role).unwrap();
            assert_eq!(json, format!("\"{role}\""));
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
        }
        assert_eq!(Role::parse("Admin"), None);
        assert_eq!(Role::parse("root"), None);
    }
}
