//! Stores of Google's and of Azure's kind: the contracts in the dialect of each, its conditions, and its sources of credentials.

/// Google's, against a server of ours that speaks as the XML interface does: the emulators know no conditions there.
#[cfg(feature = "gcp")]
mod google {
    use std::process::Command;

    use daglite::CheckpointStore;
    use daglite::conformance;
    use daglite_object_store::object_store::ClientOptions;
    use daglite_object_store::object_store::gcp::GoogleCloudStorageBuilder;
    use daglite_object_store::{ObjectCheckpoints, Place, RemoteCache, Upload};
    use std::time::Duration;

    use crate::machines::machine;
    use crate::support::locals::Forgetful;
    use crate::support::seaweed::BUCKET;
    use crate::support::{MiniS3, fresh_prefix};
    use crate::tags::save;

    fn place(server: &MiniS3) -> Place {
        let client = GoogleCloudStorageBuilder::new()
            .with_base_url(&server.endpoint())
            .with_bucket_name(BUCKET)
            .with_bearer_token("a token")
            .with_client_options(ClientOptions::new().with_allow_http(true));
        Place::of(client.build().unwrap(), "the mini Google").within(&fresh_prefix())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn checkpoints_keep_the_contract_on_google() {
        let server = MiniS3::start();
        conformance::checkpoint_store(|| ObjectCheckpoints::in_place(place(&server)).unwrap())
            .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn remote_entries_keep_the_contract_on_google() {
        let server = MiniS3::start();
        conformance::cache_store(|| {
            let cache = RemoteCache::builder(place(&server), Forgetful::default());
            cache.upload(Upload::Inline).deadline(Duration::from_secs(60)).open().unwrap()
        })
        .await;
    }

    #[tokio::test]
    async fn google_is_told_conditions_by_generations() {
        let server = MiniS3::start();
        let store = ObjectCheckpoints::in_place(place(&server)).unwrap();
        let one = save(&store, "model", "one").await;
        let two = save(&store, "model", "two").await;
        for version in [&one, &two] {
            assert!(store.tag("model", version, "prod").await.unwrap());
        }
        let conditions = |part| {
            let puts = server.seen("PUT", part);
            puts.iter()
                .map(|put| put.headers.get("x-goog-if-generation-match").cloned())
                .collect::<Vec<_>>()
        };
        let nothing = Some("0".to_owned());
        assert_eq!(conditions("meta.json"), [nothing.clone(), nothing.clone()]);
        assert_eq!(conditions("value.txt"), [nothing.clone(), nothing.clone()]);
        // The tag was the fifth object.
        assert_eq!(conditions(".tags/prod"), [nothing, Some("5".to_owned())]);
    }

    /// What a machine says that has nothing but these variables; and the credentials that the server saw.
    fn said_and_seen(server: &MiniS3, variables: &[(&str, &str)]) -> (String, Vec<String>) {
        let (endpoint, url) = (server.endpoint(), format!("gs://{BUCKET}/{}", fresh_prefix()));
        let mut all = vec![("GOOGLE_BASE_URL", endpoint.as_str()), ("GOOGLE_ALLOW_HTTP", "true")];
        all.extend(variables);
        let said = machine(&url, &all);
        let puts = server.seen("PUT", "meta.json");
        (said, puts.iter().filter_map(|put| put.headers.get("authorization").cloned()).collect())
    }

    #[test]
    fn a_token_in_the_environment_is_taken_to_google_and_nowhere_else() {
        let server = MiniS3::start();
        let (said, seen) = said_and_seen(&server, &[("GOOGLE_BEARER_TOKEN", "hidden-token")]);
        assert!(said.contains("hits=0 computed=2"), "{said}");
        assert!(!said.contains("hidden"), "{said}");
        assert_eq!(seen, ["Bearer hidden-token"]);
    }

    #[test]
    fn a_machine_of_googles_is_asked_for_its_role() {
        let server = MiniS3::start();
        let token =
            r#"{"access_token": "hidden-role", "expires_in": 3600, "token_type": "Bearer"}"#;
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        server.insert(path, token.as_bytes());
        let endpoint = server.endpoint();
        let host = endpoint.trim_start_matches("http://");
        let (said, seen) = said_and_seen(&server, &[("GCE_METADATA_HOST", host)]);
        assert!(said.contains("hits=0 computed=2"), "{said}");
        assert!(!said.contains("hidden"), "{said}");
        assert_eq!(seen, ["Bearer hidden-role"]);
        assert_eq!(server.seen("GET", path)[0].headers["metadata-flavor"], "Google");
    }

    #[test]
    fn the_file_of_an_account_signs_for_google() {
        let made =
            Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-quiet"]).output();
        let Some(key) = made.ok().filter(|made| made.status.success()).map(|made| made.stdout)
        else {
            eprintln!("SKIPPED: no `openssl` made a key of an account");
            return;
        };
        let key = String::from_utf8(key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("account.json");
        let account = serde_json::json!({
            "type": "service_account", "private_key": key, "private_key_id": "1",
            "client_email": "hidden@example.com",
        });
        std::fs::write(&file, account.to_string()).unwrap();
        let server = MiniS3::start();
        let file = file.to_str().unwrap();
        let (said, seen) = said_and_seen(&server, &[("GOOGLE_APPLICATION_CREDENTIALS", file)]);
        assert!(said.contains("hits=0 computed=2"), "{said}");
        assert!(!said.contains("hidden") && !said.contains("PRIVATE"), "{said}");
        // A signed statement, in three parts.
        assert!(seen.len() == 1 && seen[0].starts_with("Bearer ey"), "{seen:?}");
        assert_eq!(seen[0].split('.').count(), 3, "{seen:?}");
    }
}

/// Azure's, against its emulator.
#[cfg(feature = "azure")]
mod azure {
    use daglite::conformance;
    use daglite_object_store::{ObjectCheckpoints, RemoteCache, Upload};
    use std::time::Duration;

    use crate::machines::machine;
    use crate::support::azurite::{ACCOUNT, ACCOUNT_KEY, Azurite, CONTAINER};
    use crate::support::fresh_prefix;
    use crate::support::locals::Forgetful;

    #[tokio::test(flavor = "multi_thread")]
    async fn checkpoints_keep_the_contract_on_azure() {
        let Some(server) = Azurite::running() else { return };
        conformance::checkpoint_store(|| ObjectCheckpoints::in_place(server.place()).unwrap())
            .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn remote_entries_keep_the_contract_on_azure() {
        let Some(server) = Azurite::running() else { return };
        conformance::cache_store(|| {
            let cache = RemoteCache::builder(server.place(), Forgetful::default());
            cache.upload(Upload::Inline).deadline(Duration::from_secs(60)).open().unwrap()
        })
        .await;
    }

    #[test]
    fn a_result_of_one_machine_is_a_hit_on_another_by_azure() {
        let Some(server) = Azurite::running() else { return };
        let (endpoint, url) = (server.endpoint(), format!("az://{CONTAINER}/{}", fresh_prefix()));
        let variables = |key| {
            [
                ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT),
                ("AZURE_STORAGE_ACCOUNT_KEY", key),
                ("AZURE_STORAGE_ENDPOINT", endpoint.as_str()),
                ("AZURE_ALLOW_HTTP", "true"),
            ]
        };
        for expected in ["hits=0 computed=2", "hits=2 computed=0"] {
            let said = machine(&url, &variables(ACCOUNT_KEY));
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains(ACCOUNT_KEY), "{said}");
        }
        let wrong = "d3Jvbmc=";
        let said = machine(&url, &variables(wrong));
        assert!(said.contains("it refuses the credentials (403"), "{said}");
        assert!(!said.contains(wrong), "{said}");
    }
}
