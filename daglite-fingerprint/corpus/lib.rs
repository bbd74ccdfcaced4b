//! Nothing: the dependencies of this package are read, not built.
