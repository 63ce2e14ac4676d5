use futures_util::StreamExt;

use crate::apply::EventKind;
use crate::apply::schedule::Execution;
use crate::engine::EngineResult;

impl Execution<'_> {
    /// Pulls an image with the registry's credentials as far as there are any, telling how far it is.
    pub(super) async fn pull_image(
        &self,
        step: usize,
        reference: &str,
        platform: Option<&str>,
    ) -> EngineResult<()> {
        let credentials = match &self.options.credentials {
            Some(find) => find(reference)
                .await
                .inspect_err(|error| tracing::warn!(%error, reference, "no credentials"))
                .ok()
                .flatten(),
            None => None,
        };
        let mut stream = self
            .engine
            .pull_image(reference, platform, credentials.as_ref())
            .await?;
        while let Some(progress) = stream.next().await {
            let progress = progress?;
            self.events.send(EventKind::PullProgress {
                step,
                reference: reference.to_string(),
                layer: progress.layer,
                status: progress.status,
                current: progress.current,
                total: progress.total,
            });
        }
        Ok(())
    }
}
