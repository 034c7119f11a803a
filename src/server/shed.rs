//! What was shed is told in sum: a line for each request would be the flood's own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::bounds::Reason;
use crate::layers::Layers;

/// How often it is told while it lasts. The first time is soon.
const EVERY: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_secs(1);

/// Tells for ever.
pub(super) async fn tell(layers: Arc<Layers>) {
    let counts = || Reason::ALL.map(|reason| layers.bounds.shed.of(reason));
    let mut told = counts();
    let mut wait = FIRST;
    loop {
        sleep(wait).await;
        let now = counts();
        wait = if now == told { FIRST } else { EVERY };
        for ((reason, now), told) in Reason::ALL.iter().zip(now).zip(told) {
            if now > told {
                let (reason, requests) = (reason.as_str(), now - told);
                tracing::warn!(
                    reason,
                    requests,
                    "requests were shed: more than the service can take"
                );
            }
        }
        told = now;
    }
}
