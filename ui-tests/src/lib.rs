//! Nothing: what there is to see is under `tests`.
