//! `Place`: where objects lie: a bucket, a container, a folder, with a prefix.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use daglite::store::StoreError;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::{Path, PathPart};
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

/// Where objects lie: a bucket, a container or a folder, and a prefix in it.
///
/// ```
/// use daglite_object_store::Place;
///
/// let place = Place::at("memory:///team/daglite")?;
/// assert_eq!(place.to_string(), "memory:///team/daglite");
/// # Ok::<(), daglite::store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    shown: String,
}

impl Place {
    /// The place at `url`: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `https://host/prefix`,
    /// `file:///folder` or `memory:///prefix`, which is a new and empty one at each call.
    ///
    /// Credentials, region, endpoint and proxy come from where all tools of that kind of store look for them: variables
    /// such as `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` or `GOOGLE_APPLICATION_CREDENTIALS`, then the machine's own role.
    ///
    /// ```
    /// # use daglite_object_store::Place;
    /// let refused = Place::at("ftp://host/folder").unwrap_err();
    /// assert!(refused.to_string().contains("write one with `s3://`"));
    /// ```
    ///
    /// # Errors
    ///
    /// The address is none, or of a kind whose feature is not on; or the folder cannot be made.
    pub fn at(url: &str) -> Result<Self, StoreError> {
        let parsed = Url::parse(url).map_err(|cause| {
            StoreError::new(format!(
                "`{}` is no address of a store ({cause}): write one with `s3://`, `gs://`, `az://`, `https://` or `file://`",
                without_secrets_in_text(url)
            ))
        })?;
        let shown = without_secrets(&parsed);
        let unknown = || {
            StoreError::new(format!(
                "`{shown}` is of a kind that is not known: write one with `s3://`, `gs://`, `az://`, `https://` or `file://`"
            ))
        };
        let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|_| unknown())?;
        // What the crate says of a wrong setting may show the setting.
        let failed = |_: object_store::Error| {
            StoreError::new(format!(
                "cannot make a client for `{shown}`: check the address, and the variables of its kind of store"
            ))
        };
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match scheme {
            ObjectStoreScheme::Memory => (Arc::new(InMemory::new()), prefix),
            ObjectStoreScheme::Local => (folder(&parsed, &shown)?, Path::default()),
            #[cfg(feature = "aws")]
            ObjectStoreScheme::AmazonS3 => {
                let builder = object_store::aws::AmazonS3Builder::from_env().with_url(url);
                (Arc::new(builder.with_retry(retries()).build().map_err(failed)?), prefix)
            }
            #[cfg(feature = "gcp")]
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder =
                    object_store::gcp::GoogleCloudStorageBuilder::from_env().with_url(url);
                (Arc::new(builder.with_retry(retries()).build().map_err(failed)?), prefix)
            }
            #[cfg(feature = "azure")]
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = object_store::azure::MicrosoftAzureBuilder::from_env().with_url(url);
                (Arc::new(builder.with_retry(retries()).build().map_err(failed)?), prefix)
            }
            #[cfg(feature = "http")]
            ObjectStoreScheme::Http => {
                let root = &parsed[..url::Position::BeforePath];
                // The one kind that takes no variables of its own: whoever writes `http://` means it.
                let options =
                    object_store::ClientOptions::new().with_allow_http(parsed.scheme() == "http");
                let builder = object_store::http::HttpBuilder::new().with_url(root);
                let builder = builder.with_client_options(options).with_retry(retries());
                (Arc::new(builder.build().map_err(failed)?), prefix)
            }
            other => {
                let _ = failed;
                return Err(StoreError::new(format!(
                    "`{shown}` needs a feature of daglite-object-store that is not on: turn on `{}`",
                    feature(&other)
                )));
            }
        };
        Ok(Self { store, prefix, shown })
    }

    /// The root of a store that was made otherwise, called `shown` in messages, which must hold no secret.
    ///
    /// ```
    /// use daglite_object_store::{Place, object_store::memory::InMemory};
    ///
    /// let place = Place::of(InMemory::new(), "the store of this test").within("a/prefix");
    /// assert_eq!(place.to_string(), "the store of this test/a/prefix");
    /// ```
    pub fn of(store: impl ObjectStore, shown: impl Into<String>) -> Self {
        Self { store: Arc::new(store), prefix: Path::default(), shown: shown.into() }
    }

    /// The place with the prefix `below` in this one.
    pub fn within(mut self, below: &str) -> Self {
        for part in below.split('/').filter(|part| !part.is_empty()) {
            self.prefix = self.prefix.join(part);
            self.shown = format!("{}/{part}", self.shown.trim_end_matches('/'));
        }
        self
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The object or folder that `parts` lead to, which are no `.` or `..` and have no `/` and no control characters.
    pub(crate) fn path<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Path {
        let exact = |above: Path, part: &'a str| match PathPart::parse(part) {
            Ok(part) => above.join(part),
            // Encoded, it cannot lead anywhere else.
            Err(_) => above.join(part),
        };
        parts.into_iter().fold(self.prefix.clone(), exact)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// As it is displayed: what the store says of itself may hold credentials.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.shown).finish()
    }
}

/// How often and how long a request is tried: long for uploads; whoever cannot wait so long stops waiting.
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure", feature = "http"))]
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
    }
}

/// The store of a folder, which is made if it is not there.
fn folder(url: &Url, shown: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let refuse = |why: String| {
        StoreError::new(format!("cannot use the folder `{shown}`: {why}: choose another folder"))
    };
    let path = url.to_file_path().map_err(|()| refuse("it is not a path of here".to_owned()))?;
    std::fs::create_dir_all(&path).map_err(|cause| refuse(cause.to_string()))?;
    let store = LocalFileSystem::new_with_prefix(path)
        .map_err(|_| refuse("it cannot be read".to_owned()))?;
    Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(true)))
}

/// The feature that adds a kind of store.
fn feature(scheme: &ObjectStoreScheme) -> &'static str {
    match scheme {
        ObjectStoreScheme::AmazonS3 => "aws",
        ObjectStoreScheme::GoogleCloudStorage => "gcp",
        ObjectStoreScheme::MicrosoftAzure => "azure",
        _ => "http",
    }
}

/// The address without user, password, question and anchor, where secrets may be.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // Addresses that cannot have them refuse to lose them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The same for what is no address.
fn without_secrets_in_text(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    text.rsplit('@').next().unwrap_or_default().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let place = Place::at("memory:///team?sig=hidden#hidden").unwrap();
        assert_eq!(format!("{place} {place:?}"), "memory:///team Place(\"memory:///team\")");
        let refused = Place::at("ftp://hidden:hidden@host/folder?hidden").unwrap_err();
        assert!(refused.to_string().starts_with("`ftp://host/folder`"), "{refused}");
        let refused = Place::at("hidden@no address?hidden").unwrap_err().to_string();
        assert!(!refused.contains("hidden"), "{refused}");
    }
}
