//! What the tests of foreign types share: Python, as the other reader of what daglite writes.

mod python;

pub use python::Python;
