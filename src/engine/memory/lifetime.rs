use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::world::World;
use crate::engine::{ContainerStatus, EventKind};

/// Between an end and the restart that the policy asks for; doubled each time, as the engine does.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl Shared {
    /// Lets a run of a container take its course: probes, and an end by itself.
    pub(super) fn live(self: &Arc<Self>, id: &str, run: u64) {
        let (behaviour, has_check) = match self.world().units.get(id) {
            Some(unit) if unit.run == run => (unit.behaviour.clone(), unit.health.is_some()),
            _ => return,
        };
        if has_check {
            let (shared, id) = (self.clone(), id.to_owned());
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(behaviour.probe_interval).await;
                    let goes_on = shared.world().probe(&id, run);
                    shared.changed();
                    if !goes_on {
                        return;
                    }
                }
            });
        }
        if let Some(exit) = behaviour.exit {
            let (shared, id) = (self.clone(), id.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(exit.after).await;
                shared.ended(&id, run, exit.code);
            });
        }
    }

    /// A container has ended by itself: it restarts, goes, or stays as it is.
    pub(super) fn ended(self: &Arc<Self>, id: &str, run: u64, code: i64) {
        let restart = {
            let mut world = self.world();
            if !world.end(id, run, code) {
                return;
            }
            let restart = world.restart_pause(id, code);
            if restart.is_none() {
                world.sweep(id);
            }
            restart
        };
        self.changed();
        if let Some(pause) = restart {
            let (shared, id) = (self.clone(), id.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                shared.restart(&id, run);
            });
        }
    }

    fn restart(self: &Arc<Self>, id: &str, run: u64) {
        let started = {
            let mut world = self.world();
            // Stopped, started or removed in the meantime: the policy has no say any more.
            let due = world
                .units
                .get(id)
                .is_some_and(|unit| unit.run == run && unit.status == ContainerStatus::Restarting);
            if due && world.start(id).is_ok() {
                world.units.get(id).map(|unit| unit.run)
            } else {
                None
            }
        };
        self.changed();
        if let Some(run) = started {
            self.live(id, run);
        }
    }
}

impl World {
    /// How long the policy waits before it starts a container again; `None`: it does not.
    fn restart_pause(&mut self, id: &str, code: i64) -> Option<Duration> {
        let unit = self.units.get_mut(id)?;
        let policy = unit.spec.restart.as_ref()?;
        let wanted = match policy.name.as_str() {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                code != 0
                    && (policy.maximum_retry_count == 0
                        || unit.restart_count < policy.maximum_retry_count)
            }
            _ => false,
        };
        if !wanted {
            return None;
        }
        unit.status = ContainerStatus::Restarting;
        let factor = 1_u32 << unit.restart_count.clamp(0, 7);
        unit.restart_count += 1;
        Some((FIRST_PAUSE * factor).min(LONGEST_PAUSE))
    }

    /// The code with which a container ended that is gone.
    pub(super) fn last_code(&self, id: &str) -> i64 {
        self.events
            .iter()
            .rev()
            .find(|event| {
                event.kind == EventKind::Container && event.actor == id && event.action == "die"
            })
            .and_then(|event| event.attributes.get("exitCode")?.parse().ok())
            .unwrap_or(0)
    }
}
