use std::path::Path;
use std::{fs, io};

use bytes::Bytes;

use super::{LABEL, TEMPLATES};
use crate::archive::unpack;
use crate::engine::EngineStream;

/// What the images of transformations stand on.
const FOUNDATION: &str = "docker/compose-bridge-transformer";

/// Writes into a directory what a transformation of one's own begins with: `templates`, which is the archive of an image's, and a
/// Dockerfile that makes an image of them.
/// <https://docs.docker.com/compose/bridge/customize/>
///
/// # Errors
/// When something cannot be written; those of the archive.
pub async fn write_draft(templates: EngineStream<Bytes>, directory: &Path) -> io::Result<()> {
    unpack(templates, &directory.join(name())).await?;
    fs::write(directory.join("Dockerfile"), dockerfile())
}

fn name() -> &'static str {
    TEMPLATES.trim_start_matches('/')
}

fn dockerfile() -> String {
    let (label, value) = LABEL;
    format!(
        "FROM {FOUNDATION}\nLABEL {label}={value}\nCOPY {} {TEMPLATES}\n",
        name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::pack;

    #[tokio::test]
    async fn a_draft_has_templates_and_a_dockerfile() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("from");
        let draft = place.path().join("draft");
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/a.tmpl"), "x").unwrap();
        fs::create_dir(&draft).unwrap();
        let templates = pack(from, "templates".into(), false);
        write_draft(templates, &draft).await.unwrap();
        assert_eq!(
            fs::read_to_string(draft.join("templates/sub/a.tmpl")).unwrap(),
            "x"
        );
        assert_eq!(
            fs::read_to_string(draft.join("Dockerfile")).unwrap(),
            "FROM docker/compose-bridge-transformer\n\
             LABEL com.docker.compose.bridge=transformation\n\
             COPY templates /templates\n"
        );
    }
}
