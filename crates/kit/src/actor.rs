//! Who did something, as histories and the audit trail name them.

/// An expression of SQL: the name of whom the column `actor` means, as the account has it now; the code of a device, and what else has no
/// account (`system`, say) as it is.
pub const NAME: &str =
    "coalesce((select p.name from user_contacts p where p.id = actor), iif(actor like 'device:%', substr(actor, 8), actor))";
