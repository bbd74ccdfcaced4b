//! A file of an inline module, with a task.

use daglite::prelude::*;

#[task(cache)]
pub fn module_in_an_inline_module(x: u64) -> u64 {
    here(x)
}

fn here(x: u64) -> u64 {
    x + «module_in_an_inline_module: 1 ¦ 2»
}
