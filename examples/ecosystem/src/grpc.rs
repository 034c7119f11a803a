//! The health protocol of gRPC, by tonic: what grpc-health-probe, Kubernetes' gRPC probes and Envoy ask.

use pcf_api::{BoxError, Context};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

/// The whole service, by the protocol's name for it.
const WHOLE: &str = "";

/// The service; it says that it does not serve once the drain has begun.
pub fn health(context: &Context) -> HealthServer<HealthService> {
    let reporter = HealthReporter::new();
    let service = HealthService::from_health_reporter(reporter.clone());
    context.background("grpc-health", move |drain| {
        let mut reporter = reporter.clone();
        async move {
            drain.begun().await;
            reporter.set_service_status(WHOLE, ServingStatus::NotServing).await;
            // Ends the streams of those who watch, which would else hold the drain.
            reporter.clear_service_status(WHOLE).await;
            reporter.set_service_status(WHOLE, ServingStatus::NotServing).await;
            Ok::<_, BoxError>(())
        }
    });
    HealthServer::new(service)
}
