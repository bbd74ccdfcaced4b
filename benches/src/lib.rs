//! What the benches share. In reading order: [`spread`] (what repeated measurements say), [`table`] (figures for
//! people), [`machine`] (what they were measured on); [`own`] (daglite's sessions and stores), [`call`] (cached functions),
//! [`plain`] (files without more); [`cache`] (stores of numbered values) and [`part`] (what one process measures of them).

pub mod cache;
pub mod call;
pub mod machine;
pub mod own;
pub mod part;
pub mod plain;
pub mod spread;
pub mod table;

/// Whether `cargo bench` has started this program. `cargo test` starts benches too, to see that they start at all;
/// then they should measure nothing.
pub fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
