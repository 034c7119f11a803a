//! The routes. `/`, `/version`, `/health`, `/health/ready` and `/metrics` are there already.

use std::sync::Arc;

use pcf_api::{Error, Request, Response, Routes, response};

pub fn routes(_: &Arc<()>) -> Routes<()> {
    Routes::new().get("/hello/{name}", hello)
}

async fn hello(request: Request) -> Result<Response, Error> {
    let name = request.param("name")?;
    Ok(response::text(format!("Hello, {name}!")))
}

#[cfg(test)]
mod tests {
    use pcf_api::testing;

    #[tokio::test]
    async fn hello_takes_the_name_from_the_path() {
        let request = testing::get("/hello/Ada").param("name", "Ada").request();
        let response = super::hello(request).await.unwrap();
        assert_eq!(testing::text(response).await, "Hello, Ada!");
    }
}
