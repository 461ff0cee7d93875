//! Rules about annotations that only interLink may write.

use crate::annotations::{Annotation, Owner};
use crate::escape::quote;
use crate::field_ownership::CONTROLLER_MANAGER;
use crate::kinds::Role;
use crate::target::Target;

/// A writer of a managed annotation other than interLink.
pub(super) struct UntrustedOwner {
    /// Names the owner in a message, if there is a name: ` by the field manager "kubectl"`.
    pub(super) by: String,
    pub(super) fix: &'static str,
}

/// Returns the owner of a managed annotation, unless it is interLink or is unknown. On a stored pod, the fix is
/// `fix_stored_pod`.
pub(super) fn untrusted_owner(
    target: &Target<'_>,
    annotation: &Annotation<'_>,
    fix_stored_pod: &'static str,
) -> Option<UntrustedOwner> {
    let manager = match &annotation.owner {
        Owner::InterLink | Owner::Unknown => return None,
        Owner::Requester => return Some(UntrustedOwner { by: String::new(), fix: "remove it" }),
        Owner::Manager(name) => name,
    };
    let fix = if manager == CONTROLLER_MANAGER {
        "remove it from the template that a controller copied it from"
    } else if target.location.role == Role::Pod {
        fix_stored_pod
    } else {
        "remove it, or add the field manager to trustedFieldManagers if it is interLink"
    };
    Some(UntrustedOwner { by: format!(" by the field manager {}", quote(manager)), fix })
}
