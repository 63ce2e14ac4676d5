use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Format, View};
use crate::diagnostic::closest;
use crate::resolve::Resolved;
use crate::source::{Mapping, Node};

/// What a change of does not make another container.
const LEFT_OUT: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// `--hash`: `NAME HASH` lines of the services named, sorted; `*` or none names all. A name that is no active service is an
/// error that says so.
pub fn hashes(resolved: &Resolved, names: &[&str]) -> Result<String, String> {
    let services = resolved.document.get("services").and_then(Node::as_mapping);
    let mut known: Vec<&str> = services
        .into_iter()
        .flat_map(Mapping::keys)
        .map(|key| &*key.text)
        .collect();
    known.sort_unstable();
    let all = names.is_empty() || names.contains(&"*");
    if let Some(unknown) = names.iter().find(|name| !known.contains(*name))
        && !all
    {
        let near = closest(unknown, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(format!("`{unknown}` is not an active service{near}"));
    }
    let mut out = String::new();
    for name in known {
        if (all || names.contains(&name))
            && let Some(hash) = service_hash(resolved, name)
        {
            out.push_str(&format!("{name} {hash}\n"));
        }
    }
    Ok(out)
}

/// What `docker compose config --hash` prints of a service: SHA-256, in hexadecimal, of the service's JSON without what needs
/// no new container, its env files listed and not read. `None`: there is no such active service.
pub fn service_hash(resolved: &Resolved, name: &str) -> Option<String> {
    let view = View::new(&resolved.document, Format::Json).verbatim();
    let service = view.member("services", name)?;
    let mut value = serde_json::to_value(&service).ok()?;
    let members = value.as_object_mut()?;
    for key in LEFT_OUT {
        members.shift_remove(key);
    }
    if let Some(Value::Object(deploy)) = members.get_mut("deploy") {
        deploy.shift_remove("replicas");
    }
    if let Some(Value::Array(files)) = members.get_mut("env_file") {
        files.iter_mut().for_each(shorten);
    }
    let text = serde_json::to_string(&value).ok()?;
    let digest = Sha256::digest(as_go_writes(&text).as_bytes());
    Some(hex::encode(digest))
}

/// An env file that must be there is its path alone in Compose's JSON, whatever its format.
fn shorten(file: &mut Value) {
    if file.get("required") == Some(&Value::Bool(true))
        && let Some(path) = file.get_mut("path").map(Value::take)
    {
        *file = path;
    }
}

/// Go's JSON writes these characters of a text by their number.
fn as_go_writes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Environment, LoadRequest, MemoryDisk, load};
    use crate::resolve::{Options, resolve};

    /// Recorded from `docker compose config --hash` 2.40.3. Env files need not be there; what label files say counts.
    #[test]
    fn env_files_are_hashed_as_they_are_listed() {
        let text = "name: h\nservices:\n  labelled: {image: 'debian:bookworm-slim', label_file: /p/a.labels, labels: {b: '2'}}\n  plain: {image: x, env_file: /p/a.env}\n  raw: {image: x, env_file: [{path: /p/a.env, format: raw}]}\n  optional: {image: x, env_file: [{path: /p/b.env, required: false}, /p/a.env]}\n";
        let disk = MemoryDisk::default()
            .with("/p/compose.yml", text)
            .with("/p/a.labels", "a=1\n");
        let environment = Environment {
            working_directory: "/p".into(),
            ..Environment::default()
        };
        let request = LoadRequest {
            files: vec!["compose.yml".into()],
            ..LoadRequest::default()
        };
        let options = Options {
            keep_env_files: true,
            ..Options::default()
        };
        let loaded = load(&request, &disk, &environment);
        let resolved = resolve(loaded, &disk, &environment, &options);
        assert!(
            !resolved.diagnostics.has_errors(),
            "{:?}",
            resolved.diagnostics
        );
        assert_eq!(
            hashes(&resolved, &["*"]).unwrap(),
            "labelled 6261ceb071fec11a376579bf2cc9b7b5572e4163a848840d15450989361c21dc\n\
             optional 1286ea1cf78c7f3d186af491b83009e1b4dbf8c82a63f6583d3eae0bf0490e7d\n\
             plain 562179b430fc57d58430e3465cec3ee9bd753c1d8546085c79998cf235a92810\n\
             raw 562179b430fc57d58430e3465cec3ee9bd753c1d8546085c79998cf235a92810\n"
        );
    }
}
