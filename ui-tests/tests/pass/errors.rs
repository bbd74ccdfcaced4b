//! What a task that can fail may return.

use std::error::Error as StdError;
use std::fmt;

use daglite::task;

/// An error that is not one, but converts, as `anyhow::Error` does.
struct Anyhow(String);

impl From<Anyhow> for Box<dyn StdError + Send + Sync> {
    fn from(error: Anyhow) -> Self {
        error.0.into()
    }
}

#[derive(Debug)]
struct Plain;

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain trouble")
    }
}

impl StdError for Plain {}

mod aliased {
    pub type Result<T, E = super::Plain> = std::result::Result<Vec<T>, E>;
}

#[task]
fn plain() -> Result<u32, Plain> {
    Err(Plain)
}

#[task]
fn converted() -> Result<u32, Anyhow> {
    Err(Anyhow("any trouble".to_owned()))
}

#[task]
fn text() -> Result<u32, String> {
    Err("text trouble".to_owned())
}

#[task]
fn boxed() -> Result<u32, Box<dyn StdError + Send + Sync>> {
    Err(Box::new(Plain))
}

#[task]
fn io() -> std::io::Result<u32> {
    Err(std::io::Error::other("io trouble"))
}

#[task]
fn format() -> fmt::Result {
    Err(fmt::Error)
}

#[task(cache)]
fn alias() -> aliased::Result<u32> {
    Ok(vec![1])
}

#[task(cache)]
fn nested() -> Result<Result<u32, String>, Plain> {
    Ok(Err("a value like any other".to_owned()))
}

#[task]
async fn later(number: u32) -> Result<u32, Plain> {
    if number == 0 { Err(Plain) } else { Ok(number) }
}

fn main() {
    let error = plain().run().unwrap_err();
    assert!(error.to_string().contains("plain trouble"), "{error}");
    assert!(error.downcast_ref::<Plain>().is_some());
    assert!(error.task().is_some_and(|task| task.ends_with("::plain")), "{error}");
    assert!(converted().run().unwrap_err().to_string().contains("any trouble"));
    assert!(text().run().unwrap_err().to_string().contains("text trouble"));
    assert!(boxed().run().unwrap_err().downcast_ref::<Plain>().is_some());
    assert!(io().run().unwrap_err().downcast_ref::<std::io::Error>().is_some());
    assert!(format().run().is_err());
    let numbers: Vec<u32> = alias().run().unwrap();
    assert_eq!(numbers, [1]);
    assert_eq!(nested().run().unwrap(), Err("a value like any other".to_owned()));
    assert!(later(0u32).run().is_err());
    assert_eq!(later(1u32).run().unwrap(), 1);
}
