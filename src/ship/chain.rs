//! Layers are known to an engine by all that is below them: the same layer on another one is another layer.
//! <https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid>

use std::collections::HashSet;

use crate::digest::digest_of;
/// The chain ids of an image's layers, lowest first.
pub(super) fn chain(layers: &[String]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::with_capacity(layers.len());
    for layer in layers {
        let id = match ids.last() {
            None => layer.clone(),
            Some(below) => digest_of(format!("{below} {layer}").as_bytes()),
        };
        ids.push(id);
    }
    ids
}

/// Those of an image's layers that an engine lacks, lowest first. `known`: the chain ids that it has.
pub(super) fn missing<'l>(layers: &'l [String], known: &HashSet<String>) -> &'l [String] {
    let there = chain(layers)
        .iter()
        .rposition(|id| known.contains(id))
        .map_or(0, |top| top + 1);
    layers.get(there..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("sha256:{name}")).collect()
    }

    #[test]
    fn a_layer_counts_only_on_what_it_stands_on() {
        let known: HashSet<String> = chain(&layers(&["a", "b", "c"])).into_iter().collect();
        let lacks = |names: &[&str]| missing(&layers(names), &known).to_vec();
        assert_eq!(lacks(&["a", "b", "c"]), layers(&[]));
        assert_eq!(lacks(&["a", "b"]), layers(&[]));
        assert_eq!(lacks(&["a", "b", "d"]), layers(&["d"]));
        assert_eq!(lacks(&["a", "c"]), layers(&["c"]));
        assert_eq!(lacks(&["b", "a"]), layers(&["b", "a"]));
        assert_eq!(lacks(&["z", "b", "c"]), layers(&["z", "b", "c"]));
    }

    #[test]
    fn the_same_empty_layer_twice_is_two_layers() {
        let known: HashSet<String> = chain(&layers(&["a", "e"])).into_iter().collect();
        let twice = layers(&["a", "e", "e"]);
        assert_eq!(missing(&twice, &known), &twice[2..]);
    }
}
