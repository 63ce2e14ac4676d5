use std::path::{Path, PathBuf};

use super::Disk;

const SUFFIXES: [&str; 2] = [".yml", ".yaml"];
const PREFIXES: [&str; 2] = ["docker-compose.", "compose."];

/// The name of the layer that all envs share.
const BASE: &str = "base";

/// Middle parts of file names that name no env.
const RESERVED: [&str; 3] = [BASE, "override", "release"];

/// The envs that have a layer in `directory`, or else in the nearest directory above that has any; sorted.
pub fn envs(disk: &dyn Disk, directory: &Path) -> Vec<String> {
    directory
        .ancestors()
        .map(|directory| envs_in(disk, directory))
        .find(|envs| !envs.is_empty())
        .unwrap_or_default()
}

/// The stacks below the nearest `stacks/` of `directory` or above; sorted.
pub fn stacks(disk: &dyn Disk, directory: &Path) -> Vec<String> {
    directory
        .ancestors()
        .map(|directory| directory.join("stacks"))
        .find(|stacks| disk.is_dir(stacks))
        .map(|stacks| {
            let mut names = disk.entries(&stacks);
            names.retain(|name| disk.is_dir(&stacks.join(name)));
            names
        })
        .unwrap_or_default()
}

pub(super) fn envs_in(disk: &dyn Disk, directory: &Path) -> Vec<String> {
    let mut envs: Vec<String> = disk
        .entries(directory)
        .iter()
        .filter_map(|name| env_of(name).map(str::to_owned))
        .collect();
    envs.sort();
    envs.dedup();
    envs
}

/// The env whose layer a file of this name is.
pub(super) fn env_of(file_name: &str) -> Option<&str> {
    let stem = SUFFIXES
        .iter()
        .find_map(|suffix| file_name.strip_suffix(suffix))?;
    let env = PREFIXES
        .iter()
        .find_map(|prefix| stem.strip_prefix(prefix))?;
    let is_name = !env.is_empty() && !env.contains('.') && !RESERVED.contains(&env);
    is_name.then_some(env)
}

/// The file names that an env's layer can have, most wanted first.
pub(super) fn layer_names(env: &str) -> impl Iterator<Item = String> {
    PREFIXES.into_iter().flat_map(move |prefix| {
        SUFFIXES
            .into_iter()
            .map(move |suffix| format!("{prefix}{env}{suffix}"))
    })
}

/// The layer files of an env that exist in `directory`, most wanted first.
pub(super) fn layers_of(disk: &dyn Disk, directory: &Path, env: &str) -> Vec<PathBuf> {
    layer_names(env)
        .map(|name| directory.join(name))
        .filter(|path| disk.is_file(path))
        .collect()
}

pub(super) fn bases(disk: &dyn Disk, directory: &Path) -> Vec<PathBuf> {
    layers_of(disk, directory, BASE)
}

pub(super) fn base_names() -> impl Iterator<Item = String> {
    layer_names(BASE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    #[test]
    fn a_layer_names_its_env() {
        assert_eq!(env_of("docker-compose.dev.yml"), Some("dev"));
        assert_eq!(env_of("compose.prod.yaml"), Some("prod"));
        for name in [
            "docker-compose.yml",
            "docker-compose.base.yml",
            "compose.override.yaml",
            "docker-compose.a.b.yml",
            "dev.yml",
            "docker-compose.dev.json",
        ] {
            assert_eq!(env_of(name), None, "{name}");
        }
    }

    #[test]
    fn envs_and_stacks_are_found_from_below() {
        let disk = MemoryDisk::default()
            .with("/p/docker-compose.base.yml", "")
            .with("/p/docker-compose.test.yml", "")
            .with("/p/compose.dev.yaml", "")
            .with("/p/src/deep/main.rs", "")
            .with("/p/stacks/two/compose.dev.yml", "")
            .with("/p/stacks/one/compose.dev.yml", "")
            .with("/p/stacks/README.md", "");
        let deep = Path::new("/p/src/deep");
        assert_eq!(envs(&disk, deep), ["dev", "test"]);
        assert_eq!(stacks(&disk, deep), ["one", "two"]);
        assert!(envs(&disk, Path::new("/q")).is_empty());
    }
}
