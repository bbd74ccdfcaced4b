//! Promises of daglite-object-store, over memory, a folder and a real S3 server on loopback.

mod cache;
mod checkpoints;
mod clouds;
mod faults;
mod hostile;
mod machines;
mod orphans;
mod support;
mod tags;
mod uploads;
