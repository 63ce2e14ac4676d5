use std::path::Path;

use crate::source::{Change, Kind, Node, Supply};

use super::{Disk, Environment, Variables};

/// The user and group for whom root works, when nothing tells.
const FIRST_USER: u32 = 1000;

/// Supplies `UID` and `GID` unless they are set. What was decided for root comes back as a note of one line.
pub(super) fn supply(
    variables: &mut Variables,
    environment: &Environment,
    disk: &dyn Disk,
    directory: &Path,
) -> Option<String> {
    if variables.get("UID").is_some() && variables.get("GID").is_some() {
        return None;
    }
    let (uid, gid, note) = if environment.uid != 0 {
        (environment.uid, environment.gid, None)
    } else {
        let (uid, gid, why) = behind_root(environment, disk, directory);
        (
            uid,
            gid,
            Some(format!("running as root: UID={uid} and GID={gid} {why}")),
        )
    };
    variables.offer("UID", uid.to_string(), Supply::Caller);
    variables.offer("GID", gid.to_string(), Supply::Caller);
    note
}

/// Whether a value of the document was made from what [`supply`] gave.
pub(super) fn is_used(node: &Node) -> bool {
    let here = node
        .history
        .iter()
        .flat_map(|history| history.iter())
        .any(|change| {
            matches!(change, Change::Interpolated { substitutions, .. }
            if substitutions.iter().any(|one| one.supply == Supply::Caller))
        });
    here || match &node.kind {
        Kind::Sequence(items) => items.iter().any(is_used),
        Kind::Mapping(members) => members.values().any(is_used),
        _ => false,
    }
}

fn behind_root(
    environment: &Environment,
    disk: &dyn Disk,
    directory: &Path,
) -> (u32, u32, &'static str) {
    let sudo = |name: &str| environment.get(name).and_then(|id| id.parse::<u32>().ok());
    if let Some(uid) = sudo("SUDO_UID").filter(|uid| *uid != 0) {
        let gid = sudo("SUDO_GID").unwrap_or(uid);
        return (uid, gid, "are those of the user behind sudo");
    }
    match disk.owner(directory) {
        Some((uid, gid)) if uid != 0 => (uid, gid, "are those of the project directory's owner"),
        _ => (
            FIRST_USER,
            FIRST_USER,
            "are assumed, because neither sudo nor the project directory names a user",
        ),
    }
}
