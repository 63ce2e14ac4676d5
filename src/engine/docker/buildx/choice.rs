use super::super::context::{Meant, is_stored, meant};
use super::store::{Instance, Store};
use crate::engine::EngineError;
use crate::load::Environment;

/// The socket that stands for the default engine in buildx's records.
const USUAL: &str = "unix:///var/run/docker.sock";

/// Who builds.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// The engine itself.
    Engine,
    Instance(Instance),
}

/// Why nobody does.
#[derive(Debug, thiserror::Error)]
pub enum NoBuilder {
    #[error(
        "no builder \"{0}\" found\nhelp: `docker buildx ls` shows those that there are, `docker buildx create --name {0}` makes it; `default` is the engine's own"
    )]
    Unknown(String),
    #[error(
        "builder \"{0}\" is the engine of the Docker context `{0}`, which is not the current one (use `docker --context={0} buildx` to switch to context \"{0}\")\nhelp: `wharf --context {0}` works with that engine, and builds in it"
    )]
    OtherContext(String),
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Store(#[from] EngineError),
}

/// The builder that is named, by `name` or by `BUILDX_BUILDER`, else the one that buildx uses with this engine, else the engine's
/// own. `context`: the Docker context that is named, as for [`super::super::connect`].
///
/// # Errors
/// When there is no builder of that name, it is another engine's own, or buildx's records cannot be read.
pub fn choose(
    environment: &Environment,
    context: Option<&str>,
    name: Option<&str>,
) -> Result<Choice, NoBuilder> {
    let store = Store::of(environment);
    let (key, own) = match meant(environment, context)? {
        Meant::Context { name, .. } => (name.clone(), name),
        Meant::Host(host) => (host, "default".to_owned()),
        Meant::Usual => (USUAL.to_owned(), "default".to_owned()),
    };
    let named = name
        .or_else(|| environment.get("BUILDX_BUILDER"))
        .filter(|name| !name.is_empty());
    let instance = match named {
        None => store.current(&key)?,
        Some(name) => match store.instance(name)? {
            Some(instance) => Some(instance),
            None if name == own => None,
            None if name == "default" || is_stored(environment, name) => {
                return Err(NoBuilder::OtherContext(name.to_owned()));
            }
            None => return Err(NoBuilder::Unknown(name.to_owned())),
        },
    };
    Ok(instance.map_or(Choice::Engine, Choice::Instance))
}

#[cfg(test)]
mod tests {
    use super::super::store::tests::environment;
    use super::*;

    fn chosen(environment: &Environment, name: Option<&str>) -> String {
        match choose(environment, None, name) {
            Ok(Choice::Engine) => "the engine".to_owned(),
            Ok(Choice::Instance(instance)) => instance.name,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_nearest_name_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = environment(folder.path());
        let set = |environment: &mut Environment, name: &str, value: &str| {
            environment.variables.insert(name.into(), value.into());
        };
        set(&mut environment, "DOCKER_HOST", "unix:///e.sock");
        assert_eq!(chosen(&environment, None), "the engine");
        std::fs::write(
            folder.path().join("current"),
            r#"{"Key":"unix:///e.sock","Name":"one","Global":false}"#,
        )
        .unwrap();
        assert_eq!(chosen(&environment, None), "one");
        assert_eq!(chosen(&environment, Some("default")), "the engine");
        set(&mut environment, "BUILDX_BUILDER", "two");
        assert_eq!(chosen(&environment, None), "two");
        assert_eq!(chosen(&environment, Some("one")), "one");
        let unknown = chosen(&environment, Some("three"));
        assert!(
            unknown.starts_with("no builder \"three\" found\nhelp: "),
            "{unknown}"
        );
        set(&mut environment, "BUILDX_BUILDER", "");
        set(&mut environment, "DOCKER_HOST", "unix:///other.sock");
        assert_eq!(chosen(&environment, None), "the engine");
    }

    #[test]
    fn a_context_is_a_builder_where_it_is_the_current_one() {
        use sha2::{Digest, Sha256};
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        let id = hex::encode(Sha256::digest("far"));
        let meta = folder.path().join(".docker/contexts/meta").join(id);
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:1"}}}"#,
        )
        .unwrap();
        let refused = chosen(&environment, Some("far"));
        assert!(
            refused.contains("use `docker --context=far buildx`"),
            "{refused}"
        );
        let here = choose(&environment, Some("far"), Some("far")).unwrap();
        assert_eq!(here, Choice::Engine);
        let default = choose(&environment, Some("far"), Some("default"));
        assert!(matches!(default, Err(NoBuilder::OtherContext(_))));
    }
}
