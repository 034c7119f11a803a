//! Settings: a table of rows, and the four tiers that give them values, each over the one before:
//! built-in defaults, file, environment, flags.
//!
//! Rows are declared where they are used: those of the server in `server::settings`, those of a
//! service of one's own beside its code. Whatever reads them (`--help`, `config`, unknown keys, the
//! documentation) is made from the table.

mod file;
mod names;
mod page;
mod problem;
mod reader;
mod secret;
mod setting;
mod sources;
mod table;
mod value;
mod watched;

#[cfg(feature = "tls")]
pub(crate) use file::{in_time, read_regular};
pub(crate) use names::is_dependency_name;
pub(crate) use page::{effective, help, rows};
pub use problem::{ConfigError, Problem};
pub(crate) use reader::{Reader, missing};
pub use secret::{Secret, SecretError};
pub use setting::{Describe, Setting};
pub(crate) use setting::{HOUR, NAME};
pub use sources::Origin;
pub(crate) use sources::{Sources, key_of};
pub(crate) use table::{Table, TableError};
pub use value::{Size, Value};
pub(crate) use watched::{EVERY as LOOK_EVERY, read_apart};
pub use watched::{HoldsSecret, Watched};
