//! The service with the routes of `src/routes.rs`. The way from the configuration to the exit
//! status is `pcf_api::run`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pcf_api::run(std::env::args_os().skip(1), pcf_api::routes())
}
