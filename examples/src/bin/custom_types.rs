//! Types of your own: how an argument is hashed, and in what format a result is kept.
//!
//! ```text
//! cargo run -p daglite-examples --bin custom_types
//! ```
//!
//! Neither type knows serde. Look at `Raindrop`: it derives `ContentHash`, so a cached task may
//! take it. `Picture` says with `HasFormat` how it is kept: as PGM, which image viewers open. A
//! second format, `text`, is registered and asked for by name: see `.daglite/checkpoints/waves`.

use daglite::{HasFormat, prelude::*};

/// Where a drop falls into still water.
#[derive(Clone, ContentHash)]
struct Raindrop(f64, f64);

/// A picture in 256 shades of grey, 64 pixels wide and 24 high.
#[derive(Clone)]
struct Picture(Vec<u8>);

const HEAD: &[u8] = b"P5 64 24 255\n";

impl HasFormat for Picture {
    fn formats() -> Vec<Format<Self>> {
        let encode = |picture: &Self| Ok([HEAD, &picture.0].concat());
        let decode = |bytes: &[u8]| match bytes.strip_prefix(HEAD) {
            Some(pixels) if pixels.len() == 64 * 24 => Ok(Self(pixels.to_vec())),
            _ => Err("not a picture of 64 by 24".into()),
        };
        vec![Format::new("pgm", "pgm", encode, decode)]
    }
}

/// The waves around the drop.
#[task(cache)]
fn draw(drop: Raindrop) -> Picture {
    let height = |place: u32| {
        let (x, y) = (f64::from(place % 64), f64::from(place / 64));
        let waves = (x - drop.0).hypot(2.0 * (y - drop.1)) / 2.5;
        (128.0 + 127.0 * waves.cos()) as u8
    };
    Picture((0..64 * 24).map(height).collect())
}

/// The picture as lines of text.
fn text(picture: &Picture) -> String {
    let shade = |pixel: &u8| char::from(b" .:-=+*#%@"[usize::from(*pixel) * 9 / 255]);
    picture.0.chunks(64).flat_map(|row| row.iter().map(shade).chain(['\n'])).collect()
}

fn main() -> Result<(), daglite::Error> {
    let encode = |picture: &Picture| Ok(text(picture).into_bytes());
    let decode = |_: &[u8]| Err("text is for reading by people".into());
    Registry::global().register::<Picture>(Format::new("text", "txt", encode, decode))?;

    let waves = draw(Raindrop(25.0, 9.0)).checkpoint(Checkpoint::named("waves").format("text"));
    let outcome = waves.outcome()?;
    println!("{}{}", text(&outcome.value), outcome.summary);
    Ok(())
}
