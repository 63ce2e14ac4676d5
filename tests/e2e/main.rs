//! Scenarios against real engines. `WHARF_E2E_ENGINES="bookworm=unix:///path,trixie=unix:///path"` names them (see
//! `scripts/engine`, which `make test` calls); without it every scenario fails: nothing is skipped in silence.

// A test is an edge: it reads the environment itself.
#![allow(clippy::disallowed_methods)]

mod direct;
mod overheard;
mod registry;
mod server;
mod stage;

mod bridge;
mod build;
mod build_cli;
mod builders;
mod bundled;
mod caches;
mod compose_building;
mod compose_manners;
mod compose_watching;
mod digests;
mod engine;
mod entitlements;
mod faults;
mod following;
mod identity;
mod killed;
mod layer;
mod networks;
mod own_engine;
mod publish;
mod registries;
mod release;
mod remote;
mod reproducible;
mod ship;
mod stacks;
mod test_clean_up;
mod test_runs;
mod up;
mod verbs;
