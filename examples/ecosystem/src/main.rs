//! The service; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ecosystem::service().run()
}
