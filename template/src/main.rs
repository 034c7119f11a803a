//! What this service is: its routes, and later its settings, metrics and what it starts with.

mod routes;

use std::process::ExitCode;

use pcf_api::Service;

fn main() -> ExitCode {
    service().run()
}

fn service() -> Service {
    pcf_api::service!().routes(routes::routes)
}

#[cfg(test)]
mod tests {
    use pcf_api::testing;

    #[test]
    fn the_whole_service_answers_and_ends() {
        let server = testing::serve(super::service(), &[]).unwrap();
        let answer = server.get("/hello/Ada").unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, Ada!"));
        assert_eq!(server.get("/health/ready").unwrap().status, 200);
        assert_eq!(server.get("/nowhere").unwrap().status, 404);
        server.stop().unwrap();
    }
}
