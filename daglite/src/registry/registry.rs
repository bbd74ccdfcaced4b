//! `Registry`: the formats and hashes that users add to types.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::strategies::Strategies;
use super::value::{BuiltIn, Formats, decode_error};
use super::{Format, json, postcard, raw};
use crate::hash::{ContentHasher, Strategy, serde_hash};
use crate::{Digest, Error, ErrorKind};

type Hash = Arc<dyn Fn(&(dyn Any + Send + Sync), &mut ContentHasher) + Send + Sync>;

/// Which formats a type has, which of them is the default, and how it is hashed.
///
/// Every `Serialize + DeserializeOwned` type has `postcard` and `json` without being registered, vectors of numbers have
/// `raw` too, and [`HasFormat`](crate::HasFormat) brings a type's own. A clone has what was registered until
/// then, and goes its own way from there on. Any number of threads may read and register.
///
/// ```
/// use daglite::Registry;
///
/// let registry = Registry::new();
/// assert_eq!(registry.formats::<(u32, String)>(), ["postcard", "json"]);
/// assert_eq!(registry.formats::<Vec<f64>>(), ["raw", "postcard", "json"]);
///
/// registry.set_default_format::<(u32, String)>("json")?;
/// assert_eq!(registry.serialize(&(1_u32, "x".to_string()), None)?, br#"[1,"x"]"#);
/// # Ok::<(), daglite::Error>(())
/// ```
pub struct Registry {
    /// Readers take the snapshot, not the lock: it is held for the time of counting a reference.
    types: RwLock<Arc<Types>>,
    /// Whether anything was ever registered: if not, readers need not even look.
    used: AtomicBool,
    strategies: Strategies,
}

/// A snapshot of all that is registered.
#[derive(Clone, Default)]
struct Types {
    /// A `Registered<T>` for each `T`.
    formats: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    hashes: HashMap<TypeId, Hash>,
}

/// What is registered for one type.
pub(super) struct Registered<T> {
    pub(super) formats: Vec<Format<T>>,
    pub(super) default: Option<String>,
}

impl Registry {
    /// A registry with nothing but the built-in formats.
    pub fn new() -> Self {
        Self {
            types: RwLock::default(),
            used: AtomicBool::new(false),
            strategies: Strategies::default(),
        }
    }

    /// The registry of sessions that are not given another one.
    ///
    /// ```
    /// use daglite::Registry;
    ///
    /// assert_eq!(Registry::global().extension::<String>(None)?, "postcard");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Registry> = LazyLock::new(Registry::new);
        &GLOBAL
    }

    /// Adds a format for `T`, or replaces the one of the same name.
    ///
    /// ```
    /// use daglite::{Format, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.register(Format::new(
    ///     "text",
    ///     "txt",
    ///     |n: &u32| Ok(n.to_string().into_bytes()),
    ///     |bytes| Ok(std::str::from_utf8(bytes)?.parse()?),
    /// ));
    /// assert_eq!(registry.serialize(&42_u32, Some("text"))?, b"42");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn register<T: 'static>(&self, format: Format<T>) {
        self.change_formats::<T>(|registered| {
            registered.formats.retain(|other| other.name() != format.name());
            registered.formats.push(format);
        });
    }

    /// Sets how `T` is hashed by [`hash_value`](Self::hash_value), and where a task says
    /// `cache_hash_params(x = registry)`.
    ///
    /// ```
    /// use daglite::Registry;
    ///
    /// let registry = Registry::new();
    /// registry.register_hash(|word: &String, hasher| hasher.str(&word.to_lowercase()));
    /// let (lower, upper) = ("a".to_string(), "A".to_string());
    /// assert_eq!(registry.hash_value(&lower)?, registry.hash_value(&upper)?);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn register_hash<T: 'static>(
        &self,
        hash: impl Fn(&T, &mut ContentHasher) + Send + Sync + 'static,
    ) {
        let hash: Hash = Arc::new(move |value, hasher| match value.downcast_ref::<T>() {
            Some(value) => hash(value, hasher),
            None => hasher.fail(format_args!("the value to hash is not a `{}`", type_name::<T>())),
        });
        self.change(|types| {
            types.hashes.insert(TypeId::of::<T>(), hash);
        });
    }

    /// Sets how closely the bulk data of a `T` is read in cache keys, and by [`hash_value`](Self::hash_value). What a
    /// parameter says by `cache_hash_params` counts more, what the session says counts less.
    ///
    /// ```
    /// use daglite::{Registry, Strategy};
    ///
    /// let registry = Registry::new();
    /// let mut values = vec![0.0; 1_000_000];
    /// let before = registry.hash_value(&values)?;
    /// registry.set_hash_strategy::<Vec<f64>>(Strategy::Sampled);
    /// assert_ne!(registry.hash_value(&values)?, before);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn set_hash_strategy<T: 'static>(&self, strategy: Strategy) {
        self.strategies.set(TypeId::of::<T>(), strategy);
    }

    /// What was said of the bulk data of a type.
    #[inline]
    pub(crate) fn hash_strategy(&self, id: impl FnOnce() -> TypeId) -> Option<Strategy> {
        self.strategies.of(id)
    }

    /// The bytes of `value`, in the named format or in the default one.
    ///
    /// # Errors
    ///
    /// If there is no such format, or it cannot hold the value.
    pub fn serialize<T>(&self, value: &T, format: Option<&str>) -> Result<Vec<u8>, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Formats::<T>::of(self, BuiltIn::serde()).encode(value, format).map(|encoded| encoded.bytes)
    }

    /// The value of `bytes` in the named format.
    ///
    /// Bytes alone do not tell of which shape the type was when they were written: a cache and a checkpoint
    /// store it beside them, and compare.
    ///
    /// # Errors
    ///
    /// If there is no such format, or the bytes are not of it.
    pub fn deserialize<T>(&self, bytes: &[u8], format: &str) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let format = Formats::<T>::of(self, BuiltIn::serde()).named(format)?;
        format.decode(bytes).map_err(|error| decode_error::<T>(format.name(), error))
    }

    /// The digest of a value's content: by what was registered for its type, else by serde.
    ///
    /// # Errors
    ///
    /// If a part of the value cannot be hashed.
    pub fn hash_value<T: Serialize + Send + Sync + 'static>(
        &self,
        value: &T,
    ) -> Result<Digest, Error> {
        let strategy = self.hash_strategy(TypeId::of::<T>).unwrap_or_default();
        let mut hasher = ContentHasher::new(strategy);
        match self.hash_of(TypeId::of::<T>()) {
            Some(hash) => hash(value, &mut hasher),
            None => serde_hash(value, &mut hasher),
        }
        Ok(hasher.finish()?)
    }

    /// Makes a format the one that is used when none is named.
    ///
    /// ```
    /// use daglite::Registry;
    ///
    /// let error = Registry::new().set_default_format::<String>("yaml").unwrap_err();
    /// assert!(error.to_string().contains("register it first"));
    /// ```
    ///
    /// # Errors
    ///
    /// If it is neither built in nor registered for `T`.
    pub fn set_default_format<T: 'static>(&self, name: &str) -> Result<(), Error> {
        let registered = self.registered::<T>();
        let registered: Vec<&str> =
            registered.iter().flat_map(|known| known.formats.iter().map(Format::name)).collect();
        let built_in = matches!(name, postcard::NAME | json::NAME)
            || (name == raw::NAME && raw::format_of::<T>().is_some());
        if !built_in && !registered.contains(&name) {
            let (ty, known) = (type_name::<T>(), registered.join("`, `"));
            let known = if known.is_empty() { "none".into() } else { format!("`{known}`") };
            return Err(Error::new(
                ErrorKind::Format,
                format!(
                    "no format `{name}` is registered for `{ty}` (registered: {known}): register it first"
                ),
            ));
        }
        self.change_formats::<T>(|registered| registered.default = Some(name.to_owned()));
        Ok(())
    }

    /// The ending of files in the named format or in the default one, without the dot.
    ///
    /// # Errors
    ///
    /// If there is no such format.
    pub fn extension<T>(&self, format: Option<&str>) -> Result<String, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let formats = Formats::<T>::of(self, BuiltIn::serde());
        Ok(formats.named_or_default(format)?.extension().to_owned())
    }

    /// The names of the formats of `T`, the default first.
    pub fn formats<T>(&self) -> Vec<String>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Formats::<T>::of(self, BuiltIn::serde()).names()
    }

    /// Hashes a value by what was registered for its type; `type_name` is for the message if nothing was.
    pub(crate) fn hash_dyn(
        &self,
        value: &(dyn Any + Send + Sync),
        type_name: &str,
        hasher: &mut ContentHasher,
    ) {
        match self.hash_of(value.type_id()) {
            Some(hash) => hash(value, hasher),
            None => hasher.fail(format_args!(
                "no hash is registered for `{type_name}`: call `Registry::register_hash::<{type_name}>(…)`"
            )),
        }
    }

    fn hash_of(&self, id: TypeId) -> Option<Hash> {
        self.snapshot()?.hashes.get(&id).cloned()
    }

    /// What is registered for `T`.
    pub(super) fn registered<T: 'static>(&self) -> Option<Arc<Registered<T>>> {
        let registered = self.snapshot()?.formats.get(&TypeId::of::<T>()).cloned()?;
        Some(registered.downcast().expect("every type has its own entry"))
    }

    fn snapshot(&self) -> Option<Arc<Types>> {
        self.used.load(Ordering::Acquire).then(|| Arc::clone(&self.types.read()))
    }

    fn change_formats<T: 'static>(&self, change: impl FnOnce(&mut Registered<T>)) {
        self.change(|types| {
            let entry = types.formats.remove(&TypeId::of::<T>());
            let old = entry.map(|entry| {
                entry.downcast::<Registered<T>>().expect("every type has its own entry")
            });
            let (formats, default) =
                old.map_or_else(Default::default, |old| (old.formats.clone(), old.default.clone()));
            let mut registered = Registered { formats, default };
            change(&mut registered);
            types.formats.insert(TypeId::of::<T>(), Arc::new(registered));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Types)) {
        let mut types = self.types.write();
        change(Arc::make_mut(&mut types));
        self.used.store(true, Ordering::Release);
    }
}

impl Clone for Registry {
    fn clone(&self) -> Self {
        let types = Arc::clone(&self.types.read());
        let used = self.used.load(Ordering::Acquire);
        Self {
            types: RwLock::new(types),
            used: AtomicBool::new(used),
            strategies: self.strategies.clone(),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.types.read();
        f.debug_struct("Registry")
            .field("types_with_formats", &types.formats.len())
            .field("types_with_hashes", &types.hashes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(registry: &Registry, value: &(dyn Any + Send + Sync)) -> Result<Digest, String> {
        let mut hasher = ContentHasher::new(Strategy::Auto);
        registry.hash_dyn(value, "Word", &mut hasher);
        hasher.finish().map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_without_a_type_is_hashed_as_registered_or_refused() {
        let registry = Registry::new();
        let error = hashed(&registry, &1_u8).unwrap_err();
        assert!(error.contains("call `Registry::register_hash::<Word>(…)`"), "{error}");
        registry.register_hash(|number: &u8, hasher| hasher.u8(number % 10));
        assert_eq!(hashed(&registry, &11_u8), hashed(&registry, &1_u8));
        assert_ne!(hashed(&registry, &2_u8), hashed(&registry, &1_u8));
        assert!(hashed(&registry, &1_u16).is_err());
    }
}
