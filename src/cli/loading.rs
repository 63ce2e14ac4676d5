//! Loading, with what the files take from elsewhere brought here first.

use std::sync::{MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::runtime::Handle;

use super::context::Context;
use crate::diagnostic::Diagnostic;
use crate::load::{
    self, LoadRequest, Loaded, RemoteCopies, RemoteCopy, absolute, without_password,
};
use crate::remote::{self, RemoteError, Source, Store};

/// How much one project may take from elsewhere: files can name each other without an end.
const MOST: usize = 100;

impl Context {
    /// Loads, fetches what is lacking, and loads again, until nothing is. What cannot be fetched is a finding.
    pub(super) fn load(&self, mut request: LoadRequest) -> Loaded {
        loop {
            request.remotes.clone_from(&self.remotes());
            let loaded = load::load(&request, &self.disk, &self.environment);
            if loaded.wanted.is_empty() {
                return loaded;
            }
            let fetching = self.fetch(&loaded.wanted);
            let fetched = tokio::task::block_in_place(|| Handle::current().block_on(fetching));
            // Each is known from now on, if only as one that is not there: the project gets whole.
            let mut known = self.remotes();
            for (reference, found) in loaded.wanted.into_iter().zip(fetched) {
                let found = match known.count() < MOST {
                    true => found,
                    false => Err(too_many()),
                };
                known.insert(reference, found);
            }
        }
    }

    async fn fetch(&self, references: &[String]) -> Vec<Result<RemoteCopy, Diagnostic>> {
        let fetching = references.iter().map(|reference| async move {
            let Some(store) = self.remote_store() else {
                let reference = without_password(reference);
                return Err(RemoteError::NoStore { reference }.diagnostic());
            };
            let source = Source {
                environment: &self.environment,
                store: &store,
                insecure: &self.globals.insecure_registry,
            };
            match remote::fetch(reference, source).await {
                Ok(fetched) => {
                    if fetched.is_new {
                        let shown = without_password(reference);
                        self.say_of_itself(&format!("fetched {shown}, {}", fetched.version));
                    }
                    Ok(fetched.copy)
                }
                Err(error) => Err(error.diagnostic()),
            }
        });
        join_all(fetching).await
    }

    /// Where copies of remote files are kept. `None`: there is no home directory.
    pub(super) fn remote_store(&self) -> Option<Store> {
        let cache = absolute(&self.environment.working_directory, self.cache_directory()?);
        Some(Store::within(cache.join("remote")))
    }

    fn remotes(&self) -> MutexGuard<'_, RemoteCopies> {
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> Diagnostic {
    Diagnostic::error(
        "remote-too-many",
        format!("the project takes more than {MOST} artifacts and repositories from elsewhere"),
    )
    .help("look for files that name others without an end")
}
