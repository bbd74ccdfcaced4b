//! The macros of daglite.
