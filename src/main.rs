//! The service with the routes that every service has. The way from the configuration to the exit
//! status is `pcf_api::Service::run`; a service of one's own is a crate that depends on this one.

use std::process::ExitCode;

fn main() -> ExitCode {
    pcf_api::service!().run()
}
