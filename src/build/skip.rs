use super::gather::Gathered;
use super::own_builds::OwnBuilds;
use super::{BuildReason, BuildRequest, BuildRun, BuilderError, Image, InputChange, Inputs, LABEL};

impl BuildRun<'_> {
    /// The id of the image if it need not be built, otherwise the reason why it must be.
    pub(super) async fn unchanged(
        &self,
        image: &Image,
        request: &BuildRequest,
        gathered: &Gathered,
    ) -> Result<Result<String, BuildReason>, BuilderError> {
        if !self.options.skip_unchanged || wants_anew(request) {
            return Ok(Err(BuildReason::Requested));
        }
        let Some((first, others)) = request.names.split_first() else {
            return Ok(Err(BuildReason::Missing));
        };
        let Some(stored) = self.builder.find(first).await? else {
            return Ok(Err(BuildReason::Missing));
        };
        let Some(before) = stored
            .labels
            .get(LABEL)
            .and_then(|label| Inputs::from_label(label))
        else {
            return Ok(Err(BuildReason::Foreign));
        };
        let inputs = &gathered.inputs;
        if before != *inputs {
            return Ok(Err(BuildReason::Changed(inputs.changes_since(&before))));
        }
        if OwnBuilds::of(self.options.cache.as_deref(), first).disown(inputs, &stored.id) {
            return Ok(Err(BuildReason::Foreign));
        }
        let is_marked = |(name, value)| stored.labels.get(name) == Some(value);
        if !request.marks.iter().all(is_marked) {
            let change = InputChange::Setting("labels".to_owned());
            return Ok(Err(BuildReason::Changed(vec![change])));
        }
        let fetch = image.dockerfile.as_ref().and_then(|file| {
            let target = request.target.as_deref();
            file.parsed.fetch(target, &request.arguments)
        });
        if let Some(instruction) = fetch {
            return Ok(Err(BuildReason::Fetches(instruction.lines.0)));
        }
        if gathered.base_fetches {
            return Ok(Err(BuildReason::BaseFetches));
        }
        for name in others {
            let has_it = self.builder.find(name).await?;
            if has_it.is_none_or(|other| other.id != stored.id) {
                self.builder.tag(&stored.id, name).await?;
            }
        }
        Ok(Ok(stored.id))
    }

    /// Whether a build that is asked for is one that this machine has made before, from the same inputs.
    pub(super) fn is_repetition(&self, request: &BuildRequest, inputs: &Inputs) -> bool {
        let name = request.names.first();
        let cache = self.options.cache.as_deref();
        !wants_anew(request) && name.is_some_and(|name| OwnBuilds::of(cache, name).knows(inputs))
    }
}

/// Whether steps are to run again, or bases to be looked for, although nothing has changed.
fn wants_anew(request: &BuildRequest) -> bool {
    request.no_cache || !request.no_cache_stages.is_empty() || request.pull
}
