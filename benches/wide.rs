//! A service with so many routes, `/r0/{id}` and on, for benches/compare: `wide ROUTES`.

use std::process::ExitCode;

use pcf_api::{Error, Request, Response, Route, Routes, response};

fn main() -> ExitCode {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(10);
    pcf_api::service!().routes(move |_| routes(count)).run_with([])
}

fn routes(count: u32) -> Routes {
    let patterns = (0..count).map(|number| format!("/r{number}/{{id}}"));
    patterns.fold(Routes::new(), |routes, pattern| routes.add(Route::get(pattern, one)))
}

async fn one(request: Request) -> Result<Response, Error> {
    let id = request.param("id")?;
    Ok(response::text(id.into_owned()))
}
