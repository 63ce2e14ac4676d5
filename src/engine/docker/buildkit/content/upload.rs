use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tonic::Status;

use super::layout::Layout;
use super::messages::{WriteAction, WriteRequest, WriteResponse};

/// Content that the builder is writing. It takes its place when it is complete; until then it is a draft, which goes with
/// this value.
pub(super) struct Upload {
    layout: Layout,
    /// `None`: nothing has been written, or it is in its place.
    draft: Option<Draft>,
    offset: u64,
}

struct Draft {
    place: NamedTempFile,
    file: File,
    hasher: Sha256,
}

impl Draft {
    async fn begin(layout: &Layout) -> Result<Draft, Status> {
        let drafts = layout.drafts();
        for directory in [&drafts, &layout.blobs()] {
            tokio::fs::create_dir_all(directory)
                .await
                .map_err(cannot_write)?;
        }
        let place = NamedTempFile::new_in(drafts).map_err(cannot_write)?;
        let file = place.reopen().map_err(cannot_write)?;
        Ok(Draft {
            place,
            file: File::from_std(file),
            hasher: Sha256::new(),
        })
    }
}

impl Upload {
    pub(super) fn new(layout: Layout) -> Upload {
        Upload {
            layout,
            draft: None,
            offset: 0,
        }
    }

    /// Does what one message of the builder asks for.
    ///
    /// # Errors
    /// `AlreadyExists` when the content is there, which spares the builder the rest; others when it cannot be kept.
    pub(super) async fn answer(&mut self, request: WriteRequest) -> Result<WriteResponse, Status> {
        if !request.expected.is_empty() {
            let place = self.place(&request.expected)?;
            if tokio::fs::try_exists(&place).await.unwrap_or(false) {
                let why = format!("content {} exists", request.expected);
                return Err(Status::already_exists(why));
            }
        }
        let action = WriteAction::try_from(request.action)
            .map_err(|_| Status::invalid_argument("an action that is unknown"))?;
        let mut digest = String::new();
        if action != WriteAction::Stat {
            let at = u64::try_from(request.offset).unwrap_or(u64::MAX);
            if at != self.offset {
                let offset = self.offset;
                return Err(Status::out_of_range(format!(
                    "{at} is not where the draft ends, {offset}"
                )));
            }
            if !request.data.is_empty() {
                self.append(&request.data).await?;
            }
            if action == WriteAction::Commit {
                digest = self.commit(&request).await?;
            }
        }
        Ok(WriteResponse {
            action: request.action,
            offset: i64::try_from(self.offset).unwrap_or(i64::MAX),
            total: request.total,
            digest,
        })
    }

    async fn append(&mut self, data: &[u8]) -> Result<(), Status> {
        let draft = match &mut self.draft {
            Some(draft) => draft,
            None => self.draft.insert(Draft::begin(&self.layout).await?),
        };
        draft.hasher.update(data);
        draft.file.write_all(data).await.map_err(cannot_write)?;
        self.offset += data.len() as u64;
        Ok(())
    }

    /// Puts the content where its digest says. Returns the digest.
    async fn commit(&mut self, request: &WriteRequest) -> Result<String, Status> {
        let mut draft = match self.draft.take() {
            Some(draft) => draft,
            None => Draft::begin(&self.layout).await?,
        };
        let digest = format!("sha256:{}", hex::encode(draft.hasher.finalize()));
        if !request.expected.is_empty() && request.expected != digest {
            return Err(Status::failed_precondition(format!(
                "the content is {digest}, not {}",
                request.expected
            )));
        }
        let is_short = request.total > 0 && u64::try_from(request.total) != Ok(self.offset);
        if is_short {
            return Err(Status::failed_precondition(format!(
                "{} bytes came, {} were to come",
                self.offset, request.total
            )));
        }
        let place = self.place(&digest)?;
        draft.file.flush().await.map_err(cannot_write)?;
        draft
            .place
            .persist(&place)
            .map_err(|error| cannot_write(error.error))?;
        Ok(digest)
    }

    fn place(&self, digest: &str) -> Result<std::path::PathBuf, Status> {
        self.layout
            .blob(digest)
            .ok_or_else(|| Status::invalid_argument(format!("`{digest}` is no digest")))
    }
}

fn cannot_write(error: std::io::Error) -> Status {
    Status::failed_precondition(format!("the local cache cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn request(action: WriteAction, offset: usize, data: &[u8], expected: &str) -> WriteRequest {
        WriteRequest {
            action: action.into(),
            expected: expected.to_owned(),
            offset: i64::try_from(offset).unwrap(),
            data: data.to_vec(),
            ..WriteRequest::default()
        }
    }

    /// Of `hello`.
    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[tokio::test]
    async fn content_is_in_its_place_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let mut upload = Upload::new(layout.clone());
        let stat = request(WriteAction::Stat, 0, b"", DIGEST);
        assert_eq!(upload.answer(stat.clone()).await.unwrap().offset, 0);
        let part = request(WriteAction::Write, 0, b"hel", "");
        assert_eq!(upload.answer(part).await.unwrap().offset, 3);
        assert!(!layout.blob(DIGEST).unwrap().exists());
        let behind = request(WriteAction::Write, 1, b"x", "");
        assert_eq!(
            upload.answer(behind).await.unwrap_err().code(),
            Code::OutOfRange
        );
        let last = request(WriteAction::Commit, 3, b"lo", DIGEST);
        let answer = upload.answer(last).await.unwrap();
        assert_eq!((answer.offset, answer.digest.as_str()), (5, DIGEST));
        assert_eq!(
            std::fs::read(layout.blob(DIGEST).unwrap()).unwrap(),
            b"hello"
        );
        let again = Upload::new(layout).answer(stat).await.unwrap_err();
        assert_eq!(again.code(), Code::AlreadyExists);
    }

    #[tokio::test]
    async fn other_content_than_expected_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let mut upload = Upload::new(layout.clone());
        let all = request(WriteAction::Commit, 0, b"other", DIGEST);
        let refused = upload.answer(all).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        drop(upload);
        assert_eq!(std::fs::read_dir(layout.blobs()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(layout.drafts()).unwrap().count(), 0);
    }
}
