use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1::CacheOptionsEntry;
use serde_json::json;

use super::content::{Layout, LayoutError};
use crate::build::{BuildRequest, Cache};

/// Where a local cache keeps the result of the last build, unless a `tag` says otherwise.
const LATEST: &str = "latest";

/// The caches of a build as the builder is told of them. Directories are on this side: the builder knows them by a number
/// and asks for their content over the session.
#[derive(Default)]
pub(super) struct Caches {
    pub imports: Vec<CacheOptionsEntry>,
    pub exports: Vec<CacheOptionsEntry>,
    layouts: BTreeMap<String, Layout>,
    /// Where the builder leaves its results, each with its tag.
    left: Vec<(Layout, String)>,
}

impl Caches {
    /// The caches that a request names, and what of them is passed over, in words.
    pub(super) fn of(request: &BuildRequest) -> (Caches, Vec<String>) {
        let mut caches = Caches::default();
        let mut passed_over = Vec::new();
        for cache in &request.cache_from {
            match caches.import(cache) {
                Ok(entry) => caches.imports.push(entry),
                Err(why) => passed_over.push(format!("the cache `{cache}` cannot be read: {why}")),
            }
        }
        for cache in &request.cache_to {
            match caches.export(cache) {
                Ok(entry) => caches.exports.push(entry),
                Err(why) => {
                    passed_over.push(format!("the cache `{cache}` cannot be written: {why}"));
                }
            }
        }
        (caches, passed_over)
    }

    fn import(&mut self, cache: &Cache) -> Result<CacheOptionsEntry, String> {
        let mut entry = entry(cache);
        if cache.kind == "local" {
            let layout = layout(cache, "src")?;
            if !cache.parameters.contains_key("digest") {
                let digest = layout
                    .tagged(tag(cache))
                    .map_err(|error| error.to_string())?;
                entry.attrs.insert("digest".to_owned(), digest);
            }
            let id = self.offer(layout);
            entry.attrs.insert("src".to_owned(), id);
        }
        Ok(entry)
    }

    fn export(&mut self, cache: &Cache) -> Result<CacheOptionsEntry, String> {
        let mut entry = entry(cache);
        if cache.kind == "local" {
            let layout = layout(cache, "dest")?;
            self.left.push((layout.clone(), tag(cache).to_owned()));
            let id = self.offer(layout);
            entry.attrs.insert("dest".to_owned(), id);
        }
        Ok(entry)
    }

    /// Paths may hold what no header can; a number is as good.
    fn offer(&mut self, layout: Layout) -> String {
        let number = self.layouts.len().to_string();
        self.layouts.insert(format!("local:{number}"), layout);
        number
    }

    /// The directories, by the names that the builder asks for them with.
    pub(super) fn layouts(&self) -> BTreeMap<String, Layout> {
        self.layouts.clone()
    }

    /// Names what the builder has written. `manifest`: its descriptor, as the builder's answer has it.
    pub(super) fn tag(&self, manifest: &str) -> Result<(), LayoutError> {
        self.left
            .iter()
            .try_for_each(|(layout, tag)| layout.tag(manifest, tag))
    }

    /// The imports as the frontend reads them.
    pub(super) fn imports_as_json(&self) -> String {
        let entries = self
            .imports
            .iter()
            .map(|entry| json!({"Type": entry.r#type, "Attrs": entry.attrs}));
        serde_json::Value::from_iter(entries).to_string()
    }
}

fn entry(cache: &Cache) -> CacheOptionsEntry {
    CacheOptionsEntry {
        r#type: cache.kind.clone(),
        attrs: cache.parameters.clone().into_iter().collect(),
    }
}

fn layout(cache: &Cache, parameter: &str) -> Result<Layout, String> {
    match cache.parameters.get(parameter) {
        Some(directory) => Ok(Layout::new(directory)),
        None => Err(format!("`type=local` needs `{parameter}=DIRECTORY` here")),
    }
}

fn tag(cache: &Cache) -> &str {
    cache.parameters.get("tag").map_or(LATEST, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Environment;
    use std::path::Path;

    fn caches(directory: &Path, from: &[&str], to: &[&str]) -> (Caches, Vec<String>) {
        let read = |texts: &[&str]| {
            let environment = Environment::default();
            let caches = texts
                .iter()
                .filter_map(|text| Cache::read(text, directory, &environment));
            caches.collect()
        };
        Caches::of(&BuildRequest {
            cache_from: read(from),
            cache_to: read(to),
            ..BuildRequest::default()
        })
    }

    #[test]
    fn a_directory_is_read_by_the_digest_that_was_left_there() {
        let directory = tempfile::tempdir().unwrap();
        let from = ["type=local,src=c", "app:cache"];
        let to = ["type=local,dest=c,mode=max"];
        let (first, passed_over) = caches(directory.path(), &from, &to);
        assert_eq!(passed_over.len(), 1);
        assert!(
            passed_over[0].contains("there is no cache in"),
            "{passed_over:?}"
        );
        assert_eq!(first.imports.len(), 1);
        assert_eq!(first.exports[0].attrs["dest"], "0");
        assert_eq!(first.exports[0].attrs["mode"], "max");
        let digest = format!("sha256:{}", "a".repeat(64));
        first
            .tag(&format!(
                "{{\"mediaType\":\"m\",\"digest\":\"{digest}\",\"size\":1}}"
            ))
            .unwrap();
        let (second, passed_over) = caches(directory.path(), &from, &to);
        assert!(passed_over.is_empty(), "{passed_over:?}");
        assert_eq!(second.imports[0].attrs["digest"], digest);
        assert_eq!(second.imports[0].attrs["src"], "0");
        assert!(!second.layouts().is_empty());
        assert_eq!(
            second.imports[1],
            CacheOptionsEntry {
                r#type: "registry".to_owned(),
                attrs: [("ref".to_owned(), "app:cache".to_owned())].into(),
            }
        );
    }

    #[test]
    fn a_directory_must_be_named() {
        let (caches, passed_over) = caches(Path::new("/p"), &["type=local,dest=c"], &[]);
        assert!(caches.imports.is_empty());
        assert!(
            passed_over[0].contains("needs `src=DIRECTORY`"),
            "{passed_over:?}"
        );
    }
}
