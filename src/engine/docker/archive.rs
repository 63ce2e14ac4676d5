use bytes::Bytes;

use super::DockerEngine;
use super::wire::{Call, segment};
use crate::engine::{EngineResult, EngineStream};

impl DockerEngine {
    pub(super) async fn download(
        &self,
        container: &str,
        path: &str,
    ) -> EngineResult<EngineStream<Bytes>> {
        let call =
            Call::get(format!("/containers/{}/archive", segment(container))).with("path", path);
        let action = format!("copy `{path}` from container `{container}`");
        self.wire.bytes(&action, call).await
    }

    pub(super) async fn upload(
        &self,
        container: &str,
        directory: &str,
        tar: EngineStream<Bytes>,
        copy_owner: bool,
    ) -> EngineResult<()> {
        let mut call = Call::put(format!("/containers/{}/archive", segment(container)))
            .with("path", directory)
            .with("noOverwriteDirNonDir", true)
            .tar(tar);
        if copy_owner {
            call = call.with("copyUIDGID", true);
        }
        let action = format!("copy to `{directory}` in container `{container}`");
        self.wire.done(&action, call).await
    }
}
