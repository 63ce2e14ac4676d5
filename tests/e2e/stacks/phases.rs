use super::{Stack, suites_are_green};
use crate::stage::on_each_engine;

/// Every phase is reached over ssh from the one before, and agrees with its image.
#[test]
fn phases_are_green() {
    suites_are_green(
        "phases",
        &[
            "test_e2e_config",
            "test_compose_runs_a_container",
            "test_e2e_release",
            "test_e2e_run",
            "test_everything_survives_a_restart",
        ],
    );
}

/// A phase is built with what it stands on, and without what comes after it.
#[test]
fn a_phase_is_built_alone() {
    on_each_engine(|stage| {
        let stack = Stack::new(stage, "phases");
        stack.wharf_ok(&["build", "configured"]);
        let there = [
            "controller",
            "provisioned",
            "configured",
            "released",
            "running",
        ]
        .map(|phase| stack.image(&format!("wharf-phases-{phase}"))["Id"].is_string());
        assert_eq!(there, [true, true, true, false, false]);
    });
}
