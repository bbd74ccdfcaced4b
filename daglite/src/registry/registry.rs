//! `Registry`: the formats and hashes that users add to types.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::value::BuiltIn;
use super::{Format, HasFormat, TypeFormats, json, postcard, raw};
use crate::hash::{ContentHash, ContentHasher, Strategy, serde_hash};
use crate::{Digest, Error, ErrorKind};

/// How values of a type are hashed, the type erased.
type Hash = Arc<dyn Fn(&(dyn Any + Send + Sync), &mut ContentHasher) + Send + Sync>;

/// Which formats a type has, which of them is the default, and how it is hashed.
///
/// Every `Serialize + DeserializeOwned` type has `postcard` and `json` without being registered, vectors of numbers have
/// `raw` too, and [`HasFormat`] brings a type's own. A clone has what was registered until
/// then, and goes its own way from there on. Any number of threads may read and register; who reads waits for nobody.
///
/// `serialize`, `deserialize`, `formats`, `extension` and `hash_value` are for types with serde. For others the same
/// methods are behind [`own`](Self::own) and [`registered`](Self::registered).
///
/// How arguments of a type are hashed is said by three methods:
///
/// | method | says | of which parameters |
/// |---|---|---|
/// | [`set_hash_strategy`](Self::set_hash_strategy) | how closely bulk data is read | all of that type, but for those with a strategy of their own (`cache_hash_params(x = exact)`) |
/// | [`register_hash`](Self::register_hash) | what is hashed, by a function | those that say `cache_hash_params(x = registry)` |
/// | [`register_strategy`](Self::register_strategy) | that the type's own hash is taken, and how closely it reads | the same; there it counts more than `set_hash_strategy` |
///
/// [`hash_value`](Self::hash_value) goes by all of them.
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
    /// Readers borrow the snapshot: no lock, and no counter that they share.
    types: ArcSwap<Types>,
    /// Who registers, one at a time.
    registering: Mutex<()>,
    /// Whether anything was ever registered: if not, readers need not even look.
    used: AtomicBool,
}

/// A snapshot of all that is registered.
#[derive(Clone, Default)]
struct Types {
    /// A `Registered<T>` for each `T`.
    formats: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// How values are hashed, and by which strategy, if that is part of it.
    hashes: HashMap<TypeId, (Hash, Option<Strategy>)>,
    /// How closely bulk data is read.
    strategies: HashMap<TypeId, Strategy>,
}

/// What is registered for one type.
pub(super) struct Registered<T> {
    /// The formats, in the order in which their names were registered.
    pub(super) formats: Vec<Format<T>>,
    /// The name of the default, if one was chosen.
    pub(super) default: Option<String>,
}

impl<T> Registered<T> {
    /// The format of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Format<T>> {
        self.formats.iter().find(|format| format.name() == name)
    }
}

/// What was registered at one moment.
pub(super) struct Snapshot(Guard<Arc<Types>>);

impl Snapshot {
    /// What is registered for `T`.
    pub(super) fn of<T: 'static>(&self) -> Option<&Registered<T>> {
        let registered = self.0.formats.get(&TypeId::of::<T>())?;
        Some(registered.downcast_ref().expect("every type has its own entry"))
    }
}

impl Registry {
    /// A registry with nothing but the built-in formats.
    pub fn new() -> Self {
        Self {
            types: ArcSwap::default(),
            registering: Mutex::default(),
            used: AtomicBool::new(false),
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

    /// Adds a format for `T`, which may be any type.
    ///
    /// ```
    /// use daglite::{Format, Registry};
    ///
    /// let text = Format::new(
    ///     "text",
    ///     "txt",
    ///     |n: &u32| Ok(n.to_string().into_bytes()),
    ///     |bytes| Ok(std::str::from_utf8(bytes)?.parse()?),
    /// );
    /// let registry = Registry::new();
    /// registry.register(text.clone())?;
    /// assert_eq!(registry.serialize(&42_u32, Some("text"))?, b"42");
    ///
    /// let error = registry.register(text).unwrap_err();
    /// assert!(error.to_string().contains("call `Registry::replace`"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `T` has a format of that name already, registered or built in: [`replace`](Self::replace) puts another in its
    /// place. `postcard` and `json` count as built in for every type. What was there stays.
    pub fn register<T: 'static>(&self, format: Format<T>) -> Result<(), Error> {
        self.change_formats::<T, _>(|registered| {
            let (ty, name) = (type_name::<T>(), format.name());
            let is_built_in = is_built_in::<T>(name);
            if !is_built_in && registered.named(name).is_none() {
                registered.formats.push(format);
                return Ok(());
            }
            let how = if is_built_in { "built in" } else { "registered already" };
            Err(error(format!(
                "the format `{name}` of `{ty}` is {how}: call `Registry::replace` to put another in its place"
            )))
        })
    }

    /// Adds a format for `T`, in place of the one of that name; answers what was registered under the name before.
    ///
    /// A built-in format is replaced in the same way, in this registry alone.
    ///
    /// ```
    /// use daglite::{Format, Registry};
    ///
    /// let constant = |byte| Format::new("byte", "bin", move |_: &bool| Ok(vec![byte]), |bytes| Ok(bytes == [1]));
    /// let registry = Registry::new();
    /// assert!(registry.replace(constant(1)).is_none());
    /// let before = registry.replace(constant(2)).expect("there was one");
    /// assert_eq!(before.encode(&true)?, [1]);
    /// assert_eq!(registry.serialize(&true, Some("byte"))?, [2]);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn replace<T: 'static>(&self, format: Format<T>) -> Option<Format<T>> {
        let replaced = self.change_formats::<T, _>(|registered| {
            let mut formats = registered.formats.iter_mut();
            match formats.find(|other| other.name() == format.name()) {
                Some(place) => Ok(Some(std::mem::replace(place, format))),
                None => {
                    registered.formats.push(format);
                    Ok(None)
                }
            }
        });
        replaced.expect("to replace is never refused")
    }

    /// Sets how `T`, which may be any type, is hashed by [`hash_value`](Self::hash_value), and where a task says
    /// `cache_hash_params(x = registry)`.
    ///
    /// ```
    /// use daglite::Registry;
    ///
    /// let registry = Registry::new();
    /// registry.register_hash(|word: &String, hasher| hasher.str(&word.to_lowercase()))?;
    /// let (lower, upper) = ("a".to_string(), "A".to_string());
    /// assert_eq!(registry.hash_value(&lower)?, registry.hash_value(&upper)?);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it was set already: [`replace_hash`](Self::replace_hash) sets another one. What was there stays.
    pub fn register_hash<T: 'static>(
        &self,
        hash: impl Fn(&T, &mut ContentHasher) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.add_hash::<T>(erased(hash), None)
    }

    /// Sets by which strategy `T` is hashed, by its own [`ContentHash`], where a task says `cache_hash_params(x = registry)`: a
    /// choice for single parameters that is made as the program runs. For all parameters of the type there is
    /// [`set_hash_strategy`](Self::set_hash_strategy).
    ///
    /// ```
    /// use daglite::{Registry, Strategy};
    ///
    /// let registry = Registry::new();
    /// registry.register_strategy::<Vec<f64>>(Strategy::Sampled)?;
    /// let mut numbers = vec![0.0; 1_000_000];
    /// let before = registry.hash_value(&numbers)?;
    /// numbers[1] = 1.0;
    /// assert_ne!(registry.hash_value(&numbers)?, before); // the ends are always read
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`register_hash`](Self::register_hash): a type is hashed in one way.
    pub fn register_strategy<T: ContentHash + 'static>(
        &self,
        strategy: Strategy,
    ) -> Result<(), Error> {
        self.add_hash::<T>(erased(T::content_hash), Some(strategy))
    }

    /// Sets how `T` is hashed, in place of what was set before; answers whether something was.
    ///
    /// ```
    /// use daglite::Registry;
    ///
    /// let registry = Registry::new();
    /// assert!(!registry.replace_hash(|word: &String, hasher| hasher.str(word)));
    /// assert!(registry.replace_hash(|word: &String, hasher| hasher.str(word.trim())));
    /// ```
    pub fn replace_hash<T: 'static>(
        &self,
        hash: impl Fn(&T, &mut ContentHasher) + Send + Sync + 'static,
    ) -> bool {
        let hash = (erased(hash), None);
        self.change(|types| types.hashes.insert(TypeId::of::<T>(), hash).is_some())
    }

    /// The formats of a type with serde: the registered ones, and behind them the built-in ones.
    fn serde<T>(&self) -> TypeFormats<'_, T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        TypeFormats::new(self, BuiltIn::serde)
    }

    /// The formats of a type that brings its own: the registered ones, and behind them those of [`HasFormat`].
    ///
    /// ```
    /// use daglite::{Format, HasFormat, Registry};
    ///
    /// struct Level(u8);
    ///
    /// impl HasFormat for Level {
    ///     fn formats() -> Vec<Format<Self>> {
    ///         let decode = |bytes: &[u8]| Ok(Level(*bytes.first().ok_or("it is empty")?));
    ///         vec![Format::new("level", "bin", |level: &Self| Ok(vec![level.0]), decode)]
    ///     }
    /// }
    ///
    /// let registry = Registry::new();
    /// let bytes = registry.own().serialize(&Level(7), None)?;
    /// assert_eq!(registry.own::<Level>().deserialize(&bytes, "level")?.0, 7);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn own<T: HasFormat>(&self) -> TypeFormats<'_, T> {
        TypeFormats::new(self, BuiltIn::own)
    }

    /// The formats that were registered for a type, which may be any type, and no others.
    ///
    /// ```
    /// use daglite::{Format, Registry};
    ///
    /// struct Level(u8);
    ///
    /// let registry = Registry::new();
    /// let error = registry.registered().serialize(&Level(7), None).unwrap_err();
    /// assert!(error.to_string().contains("call `Registry::register::<"), "{error}");
    ///
    /// let decode = |bytes: &[u8]| Ok(Level(*bytes.first().ok_or("it is empty")?));
    /// registry.register(Format::new("level", "bin", |level: &Level| Ok(vec![level.0]), decode))?;
    /// assert_eq!(registry.registered().serialize(&Level(7), None)?, [7]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn registered<T: Send + Sync + 'static>(&self) -> TypeFormats<'_, T> {
        TypeFormats::new(self, BuiltIn::none)
    }

    /// Sets how closely the bulk data of a `T` is read in cache keys, and by [`hash_value`](Self::hash_value); what was set
    /// before counts no more. What a parameter says by `cache_hash_params` counts more, what the session says counts less.
    /// [`register_strategy`](Self::register_strategy) is for those parameters alone that say `registry`.
    ///
    /// ```
    /// use daglite::{ContentHash, Registry, Strategy};
    ///
    /// let registry = Registry::new();
    /// let values = vec![0.0; 1_000_000];
    /// let before = registry.hash_value(&values)?;
    /// registry.set_hash_strategy::<Vec<f64>>(Strategy::Sampled);
    /// assert_ne!(registry.hash_value(&values)?, before);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn set_hash_strategy<T: 'static>(&self, strategy: Strategy) {
        self.change(|types| {
            types.strategies.insert(TypeId::of::<T>(), strategy);
        });
    }

    /// What was said of the bulk data of a type.
    #[inline]
    pub(crate) fn hash_strategy(&self, id: impl FnOnce() -> TypeId) -> Option<Strategy> {
        let Snapshot(types) = self.snapshot()?;
        types.strategies.get(&id()).copied()
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
        self.serde().serialize(value, format)
    }

    /// The value of `bytes` in the named format.
    ///
    /// Bytes alone do not tell of which shape the type was when they were written: a cache and a checkpoint
    /// store it beside them, and compare.
    ///
    /// # Errors
    ///
    /// If there is no such format, or the bytes are not of it: says where, as far as the format knows.
    pub fn deserialize<T>(&self, bytes: &[u8], format: &str) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.serde().deserialize(bytes, format)
    }

    /// The digest of a value's content: by what was registered for its type, else by serde, but for vectors of numbers,
    /// which are read in bulk.
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
        if !self.hash_as_registered(value, &mut hasher) && !raw::hash(value, &mut hasher) {
            serde_hash(value, &mut hasher);
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
    /// If it is neither built in nor registered for `T`. A format that `T` brings itself is made the default by
    /// [`TypeFormats::set_default`].
    pub fn set_default_format<T: 'static>(&self, name: &str) -> Result<(), Error> {
        self.set_default::<T>(name, |name| is_built_in::<T>(name))
    }

    /// Makes a format the default, if it is registered or `is_there`.
    pub(super) fn set_default<T: 'static>(
        &self,
        name: &str,
        is_there: impl FnOnce(&str) -> bool,
    ) -> Result<(), Error> {
        let is_there = is_there(name);
        self.change_formats::<T, _>(|registered| {
            if is_there || registered.named(name).is_some() {
                registered.default = Some(name.to_owned());
                return Ok(());
            }
            let ty = type_name::<T>();
            let known: Vec<_> = registered.formats.iter().map(Format::name).collect();
            let known = match &*known {
                [] => "none".to_owned(),
                known => format!("`{}`", known.join("`, `")),
            };
            Err(error(format!(
                "no format `{name}` is registered for `{ty}` (registered: {known}): register it first"
            )))
        })
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
        self.serde::<T>().extension(format)
    }

    /// The names of the formats of `T`, the default first.
    pub fn formats<T>(&self) -> Vec<String>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.serde::<T>().names()
    }

    /// Hashes a value by what was registered for its type; `type_name` is for the message if nothing was.
    pub(crate) fn hash_dyn(
        &self,
        value: &(dyn Any + Send + Sync),
        type_name: &str,
        hasher: &mut ContentHasher,
    ) {
        if !self.hash_as_registered(value, hasher) {
            hasher.fail(format_args!(
                "no hash is registered for `{type_name}`: call `Registry::register_hash::<{type_name}>(…)`"
            ));
        }
    }

    /// Hashes a value by what was registered for its type, if something was.
    pub(super) fn hash_as_registered(
        &self,
        value: &(dyn Any + Send + Sync),
        hasher: &mut ContentHasher,
    ) -> bool {
        let Some(Snapshot(types)) = self.snapshot() else { return false };
        let Some((hash, strategy)) = types.hashes.get(&value.type_id()) else { return false };
        if let Some(strategy) = *strategy
            && strategy != hasher.strategy()
        {
            let before = std::mem::replace(hasher, ContentHasher::new(strategy));
            *hasher = before.by(strategy);
        }
        hash(value, hasher);
        true
    }

    /// A hasher that reads the bulk data of a `T` as was said.
    pub(super) fn hasher_for<T: 'static>(&self) -> ContentHasher {
        ContentHasher::new(self.hash_strategy(TypeId::of::<T>).unwrap_or_default())
    }

    /// What is registered now, if anything ever was.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.used.load(Ordering::Acquire).then(|| Snapshot(self.types.load()))
    }

    /// Sets how a type is hashed, unless that is set.
    fn add_hash<T: 'static>(&self, hash: Hash, strategy: Option<Strategy>) -> Result<(), Error> {
        let is_new = self.change(|types| {
            let id = TypeId::of::<T>();
            let is_new = !types.hashes.contains_key(&id);
            if is_new {
                types.hashes.insert(id, (hash, strategy));
            }
            is_new
        });
        if is_new {
            return Ok(());
        }
        let ty = type_name::<T>();
        Err(Error::new(
            ErrorKind::Config,
            format!(
                "a hash is registered for `{ty}` already: call `Registry::replace_hash` to set another one"
            ),
        ))
    }

    /// Changes what is registered for `T`, unless `change` refuses.
    fn change_formats<T: 'static, R>(
        &self,
        change: impl FnOnce(&mut Registered<T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.change(|types| {
            let old = types.formats.get(&TypeId::of::<T>());
            let old = old.map(|old| {
                old.downcast_ref::<Registered<T>>().expect("every type has its own entry")
            });
            let (formats, default) =
                old.map_or_else(Default::default, |old| (old.formats.clone(), old.default.clone()));
            let mut registered = Registered { formats, default };
            let done = change(&mut registered)?;
            types.formats.insert(TypeId::of::<T>(), Arc::new(registered));
            Ok(done)
        })
    }

    /// Makes a new snapshot.
    fn change<R>(&self, change: impl FnOnce(&mut Types) -> R) -> R {
        let _turn = self.registering.lock();
        let mut types = Types::clone(&self.types.load());
        let done = change(&mut types);
        self.types.store(Arc::new(types));
        self.used.store(true, Ordering::Release);
        done
    }
}

/// Whether `T` has, or may have, a format of that name without being registered.
fn is_built_in<T: 'static>(name: &str) -> bool {
    matches!(name, postcard::NAME | json::NAME)
        || (name == raw::NAME && raw::format_of::<T>().is_some())
}

/// A hash whose type is erased.
fn erased<T: 'static>(hash: impl Fn(&T, &mut ContentHasher) + Send + Sync + 'static) -> Hash {
    Arc::new(move |value, hasher| {
        hash(value.downcast_ref::<T>().expect("a hash is found by its type"), hasher);
    })
}

/// An error of formats.
fn error(message: String) -> Error {
    Error::new(ErrorKind::Format, message)
}

impl Clone for Registry {
    fn clone(&self) -> Self {
        let types = self.types.load_full();
        let used =
            !(types.formats.is_empty() && types.hashes.is_empty() && types.strategies.is_empty());
        Self {
            types: ArcSwap::new(types),
            registering: Mutex::default(),
            used: AtomicBool::new(used),
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
        let types = self.types.load();
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
        registry.register_hash(|number: &u8, hasher| hasher.u8(number % 10)).unwrap();
        assert_eq!(hashed(&registry, &11_u8), hashed(&registry, &1_u8));
        assert_ne!(hashed(&registry, &2_u8), hashed(&registry, &1_u8));
        assert!(hashed(&registry, &1_u16).is_err());
    }
}
