use super::{Format, Print, document, list};
use super::{hash, image, variable};
use crate::resolve::Resolved;

/// What `wharf config` is asked to print.
/// <https://docs.docker.com/reference/cli/docker/compose/config/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Document,
    Services,
    Images,
    Volumes,
    Networks,
    Profiles,
    /// Of a document whose variables were kept.
    Variables,
    Environment,
    /// `NAME[,NAME..]` or `*`.
    Hash(String),
}

/// The text of what is asked for, with a line break at its end unless it is empty. An error is about what was asked.
pub fn print(resolved: &Resolved, content: &Content, print: Print) -> Result<String, String> {
    Ok(match content {
        Content::Document => document::document(resolved, print),
        Content::Services => list::services(resolved),
        Content::Images => image::images(resolved),
        Content::Volumes => list::volumes(resolved),
        Content::Networks => list::networks(resolved),
        Content::Profiles => list::profiles(resolved),
        Content::Environment => list::environment(resolved),
        Content::Variables => match print.format {
            Format::Json => variable::variables_json(resolved),
            Format::Yaml => variable::variables(resolved),
        },
        Content::Hash(names) => {
            let names: Vec<&str> = names.split(',').collect();
            hash::hashes(resolved, &names)?
        }
    })
}
