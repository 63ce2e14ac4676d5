use futures_util::future::BoxFuture;

use super::Push;
use crate::apply::CancelLevel;
use crate::build::Reference;
use crate::registry::RegistryError;

/// Makes a reference with a tag name a manifest that its repository has, by the manifest's digest. It is asked of the registry
/// itself: an engine would pull and push one platform of what may be an index of many.
pub type Retag<'c> =
    dyn Fn(&str, &str) -> BoxFuture<'c, Result<(), RegistryError>> + Send + Sync + 'c;

/// A tag that names something new, or may do so.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) reference: String,
    /// The digest that it named before. `None`: there was no such tag.
    pub(super) former: Option<String>,
}

impl Moved {
    fn exact(&self) -> Option<String> {
        let former = self.former.as_ref()?;
        let repository = Reference::of(&self.reference).repository;
        Some(format!("{repository}@{former}"))
    }
}

impl Push<'_> {
    /// Makes tags name again what they named before, and looks whether they do. Says what became of them.
    pub(super) async fn put_back(&self, moved: &[Moved]) -> String {
        let mut left = Vec::new();
        for one in moved {
            let back = tokio::select! {
                biased;
                () = self.cancel.reached(CancelLevel::Now) => {
                    Err(format!("`{}` is left as it is", one.reference))
                }
                back = self.put_one_back(one) => back,
            };
            left.extend(back.err().map(|why| (one, why)));
        }
        if left.is_empty() {
            return "every tag names what it named before".to_owned();
        }
        let told: Vec<String> = left
            .iter()
            .map(|(one, why)| match &one.former {
                Some(former) => format!("{why} (before: {former})"),
                None => why.clone(),
            })
            .collect();
        let told = format!("the tags are as before, except that {}", told.join(", "));
        // Its own default wraps an image of one platform into an index.
        match left.iter().find_map(|(one, _)| Some((one, one.exact()?))) {
            Some((one, exact)) => format!(
                "{told}\nhelp: `docker buildx imagetools create --prefer-index=false --tag {} {exact}` gives a tag back",
                one.reference
            ),
            None => told,
        }
    }

    /// # Errors
    /// Why it does not name what it named before, in words.
    async fn put_one_back(&self, one: &Moved) -> Result<(), String> {
        let reference = &one.reference;
        if self.names_now(reference).await? == one.former {
            return Ok(());
        }
        let Some(former) = &one.former else {
            return Err(format!("`{reference}` is new"));
        };
        (self.retag)(reference, former)
            .await
            .map_err(|error| format!("`{reference}` names the new image: {error}"))?;
        match self.names_now(reference).await? {
            Some(now) if now == *former => Ok(()),
            Some(now) => Err(format!("`{reference}` names {now}")),
            None => Err(format!("`{reference}` names nothing")),
        }
    }

    async fn names_now(&self, reference: &str) -> Result<Option<String>, String> {
        let named = self.digest_there(reference).await;
        named.map_err(|error| format!("it is not known what `{reference}` names: {error}"))
    }
}
