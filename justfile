# What people run by hand. `just check` is what CI runs.

# Everything that must pass.
check:
    bash .ci/run

# Tests of the library alone: seconds.
test:
    cargo test -p daglite -p daglite-tests

# That the library builds with each of its features alone: minutes, as arrow and polars are built for it.
features:
    bash .ci/features

# Lines of the registry and of hashing that no test runs: a quarter of an hour.
coverage:
    bash .ci/coverage

# Looks at what the compiler says about mistakes, and takes it as it is. Read the differences afterwards.
bless:
    TRYBUILD=overwrite cargo test -p daglite-ui-tests
    INSTA_UPDATE=always cargo test -p daglite-macros

# The pipeline over real data; run it twice.
flights:
    cargo run --release -p daglite-examples --bin flights

# What rustfmt changes, and what it does not, in the functions of 16 crates: nearly all of ten minutes. Fetches them at first.
corpus:
    DAGLITE_CORPUS=full cargo test -p daglite-fingerprint --release --test canonical_corpus -- --nocapture

# Random graphs under random trouble against a model, 10,000 cases.
trials:
    DAGLITE_TEST_ROUNDS=10000 cargo test --release -p daglite-tests --test engine_trials -- --nocapture

# What threads meet at, in a hundred thousand orders each.
orders:
    DAGLITE_ORDERS=100000 cargo test --release -p daglite-interleavings
