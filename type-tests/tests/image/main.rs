//! Images as arguments and results: a file for each promise, one program for all, as linking the heavy crates takes long.

mod damage;
mod formats;
mod hash;
mod python;
mod samples;
mod tasks;
