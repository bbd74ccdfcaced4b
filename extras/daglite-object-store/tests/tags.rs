//! Tags in object stores, beside what the suite of daglite asks: how they lie there, and how they are moved.

use std::sync::Arc;

use daglite::FileCheckpoints;
use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Version};
use daglite::clock::Timestamp;
use daglite_object_store::object_store::memory::InMemory;
use daglite_object_store::object_store::path::Path;
use daglite_object_store::object_store::{ObjectStore, ObjectStoreExt};
use daglite_object_store::{ObjectCheckpoints, Place};

use crate::support::{Fault, MiniS3};

/// Saves `text` as the next version of `name`.
pub(crate) async fn save(store: &impl CheckpointStore, name: &str, text: &str) -> String {
    let meta = CheckpointMeta {
        format: "raw".to_owned(),
        extension: "txt".to_owned(),
        ..CheckpointMeta::new(name, text.as_bytes(), Timestamp::from_millis(946_728_000_000))
    };
    store.save(meta, text.into()).await.unwrap().version().to_owned()
}

/// A store in memory, and its objects.
fn open_store() -> (Arc<InMemory>, ObjectCheckpoints) {
    let objects = Arc::new(InMemory::new());
    let place = Place::of(Arc::clone(&objects), "here");
    (objects, ObjectCheckpoints::in_place(place).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_moved_on_condition_that_nobody_else_has_moved_it() {
    let server = MiniS3::start();
    let place = server.place();
    let [mine, theirs] =
        [place.clone(), place].map(|place| Arc::new(ObjectCheckpoints::in_place(place).unwrap()));
    let one = save(&mine, "model", "one").await;
    let two = save(&mine, "model", "two").await;
    let three = save(&mine, "model", "three").await;
    assert!(mine.tag("model", &one, "prod").await.unwrap());
    // Mine has looked, and its put is on its way; theirs is faster.
    server.set(Fault::Hold(".tags/prod"));
    let late = tokio::spawn({
        let (mine, two) = (Arc::clone(&mine), two.clone());
        async move { mine.tag("model", &two, "prod").await.unwrap() }
    });
    while !server.is_holding() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(theirs.tag("model", &three, "prod").await.unwrap());
    server.set(Fault::None);
    assert!(late.await.unwrap());
    assert_eq!(mine.tags("model").await.unwrap(), [("prod".to_owned(), two)]);
    let puts = server.seen("PUT", ".tags/prod");
    let conditions: Vec<_> = puts
        .iter()
        .map(|put| ["if-none-match", "if-match"].map(|name| put.headers.contains_key(name)))
        .collect();
    let (create, update) = ([true, false], [false, true]);
    assert_eq!(conditions, [create, update, update, update], "the late one has looked once more");
}

#[tokio::test]
async fn a_folder_keeps_tags_as_the_file_store_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let objects = ObjectCheckpoints::open(&format!("file://{}", folder.path().display())).unwrap();
    let files = FileCheckpoints::open(folder.path()).unwrap();
    let one = save(&objects, "churn/model", "one").await;
    let two = save(&objects, "churn/model", "two").await;
    assert!(objects.tag("churn/model", &one, "prod").await.unwrap());
    files.tag("churn/model", two.as_str(), "next").unwrap();
    let expected = [("next".to_owned(), two.clone()), ("prod".to_owned(), one)];
    assert_eq!(objects.tags("churn/model").await.unwrap(), expected);
    assert_eq!(files.tags("churn/model").unwrap(), expected);
    assert!(objects.tag("churn/model", &two, "prod").await.unwrap());
    assert_eq!(files.tags("churn/model").unwrap()[1], ("prod".to_owned(), two));
}

#[tokio::test]
async fn a_damaged_tag_is_an_error_and_can_be_given_again() {
    for damage in ["", "not a version\n", "../other\n", &"2".repeat(1 << 20)] {
        let (objects, store) = open_store();
        let version = save(&store, "model", "one").await;
        assert!(store.tag("model", &version, "prod").await.unwrap());
        let path = Path::parse("model/.tags/prod").unwrap();
        objects.put(&path, damage.to_owned().into()).await.unwrap();
        let refused = store.load("model", &Version::tag("prod")).await.unwrap_err().to_string();
        let expected = "tag `prod` of checkpoint `model` in `here` is damaged: it has no version in it; give the tag again";
        assert_eq!(refused, expected);
        assert!(store.tags("model").await.unwrap().is_empty());
        save(&store, "model", "two").await;
        assert!(store.tag("model", &version, "prod").await.unwrap());
        assert!(store.load("model", &Version::tag("prod")).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_tags_of_a_name_that_is_gone_stand_in_nobodys_way() {
    let (objects, store) = open_store();
    let version = save(&store, "Model", "one").await;
    assert!(store.tag("Model", &version, "prod").await.unwrap());
    assert!(store.delete("Model", &version).await.unwrap());
    assert_eq!(store.names().await.unwrap(), Vec::<String>::new());
    assert!(store.tags("Model").await.unwrap().is_empty());
    save(&store, "model", "one").await;
    assert_eq!(store.names().await.unwrap(), ["model"]);
    // It is not there, but what is left of it goes.
    assert!(!store.untag("Model", "prod").await.unwrap());
    use futures_util::TryStreamExt;
    let left: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_tag_that_nobody_has_is_told_with_what_there_is() {
    let (_, store) = open_store();
    let one = save(&store, "model", "one").await;
    assert!(store.tag("model", &one, "prod").await.unwrap());
    let value = store.load_value::<String>("model", "prodd").await.unwrap_err().to_string();
    assert!(value.contains("has no version `prodd`: load `latest`, or one of"), "{value}");
    let (_, bytes) = store.load("model", &Version::tag("prod")).await.unwrap().unwrap();
    assert_eq!(bytes, b"one");
}
