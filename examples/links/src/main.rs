//! `links`, or `links healthcheck`, `links config`, `links --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    links::service().run()
}
