//! Every question to the database.

use std::time::Duration;

use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::error::LinkError;

/// The channel on which the database tells all instances of links that were made.
pub const CHANNEL: &str = "links_created";

/// A link.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct Link {
    pub slug: String,
    pub target: String,
}

/// Makes a link, and tells all instances.
pub async fn create(pool: &PgPool, target: &str, keep: Duration) -> Result<Link, LinkError> {
    let link = sqlx::query_as(
        "WITH made AS (
             INSERT INTO links (target, expires_at) VALUES ($1, now() + make_interval(secs => $2))
             RETURNING slug, target
         ), told AS (SELECT pg_notify($3, row_to_json(made)::text) FROM made)
         SELECT slug, target FROM made, told",
    );
    Ok(link.bind(target).bind(keep.as_secs_f64()).bind(CHANNEL).fetch_one(pool).await?)
}

/// Makes many links at once.
pub async fn create_many(
    connection: &mut PgConnection,
    targets: &[String],
    keep: Duration,
) -> Result<u64, LinkError> {
    let links = sqlx::query(
        "INSERT INTO links (target, expires_at)
         SELECT target, now() + make_interval(secs => $2) FROM unnest($1) AS target",
    );
    let done = links.bind(targets).bind(keep.as_secs_f64()).execute(connection).await?;
    Ok(done.rows_affected())
}

/// The link of a slug.
pub async fn find(pool: &PgPool, slug: &str) -> Result<Link, LinkError> {
    let link =
        sqlx::query_as("SELECT slug, target FROM links WHERE slug = $1 AND expires_at > now()");
    Ok(link.bind(slug).fetch_one(pool).await?)
}

/// The last links.
pub async fn last(pool: &PgPool, count: i64) -> Result<Vec<Link>, LinkError> {
    let links = sqlx::query_as(
        "SELECT slug, target FROM links WHERE expires_at > now() ORDER BY id DESC LIMIT $1",
    );
    Ok(links.bind(count).fetch_all(pool).await?)
}

/// Deletes what has expired; how many there were.
pub async fn expire(pool: &PgPool) -> Result<u64, LinkError> {
    let done = sqlx::query("DELETE FROM links WHERE expires_at <= now()").execute(pool).await?;
    Ok(done.rows_affected())
}

/// Whether the pool can ask the database.
pub async fn check(pool: &PgPool) -> Result<(), &'static str> {
    let answer = sqlx::query("SELECT 1").execute(pool).await;
    answer.map(drop).map_err(|_| "no connection, or no answer")
}
