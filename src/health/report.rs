//! The registry of dependencies with their cached results, and the report that is made of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Serialize, Serializer};

use super::security::Trust;
use super::settings::DependencyConfig;
use super::state::{
    Criticality, DEGRADED_WITHIN, HEALTHY_WITHIN, STALE_AFTER, State, Status, overall,
};
use super::target::TargetUrl;
use crate::identity::Identity;
use crate::metrics::Buckets;
use crate::telemetry::rfc3339;

/// Everything the service depends on, and what is known of it.
#[derive(Debug)]
pub(crate) struct Health {
    identity: Identity,
    started: Instant,
    dependencies: Vec<Dependency>,
}

/// Something that is checked: what it is called, what its absence means, and how it is asked.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) criticality: Criticality,
    /// How long one check may take.
    pub(crate) timeout: Duration,
    /// How long after the start it may take to answer for the first time.
    pub(crate) grace: Duration,
    pub(crate) check: Check,
}

/// How something is asked.
#[derive(Clone)]
pub(crate) enum Check {
    /// By the protocol that its URL names.
    Url(TargetUrl, Trust),
    /// By the service's own code.
    Own(OwnCheck),
}

/// A check of the service's own: all well, or why not, in words that anyone may read.
pub(crate) type OwnCheck = Arc<dyn Fn() -> OwnAnswer + Send + Sync>;

type OwnAnswer = Pin<Box<dyn Future<Output = Result<(), Cow<'static, str>>> + Send>>;

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url, _) => f.debug_tuple("Url").field(url).finish(),
            Self::Own(_) => f.write_str("Own"),
        }
    }
}

impl From<DependencyConfig> for Subject {
    fn from(config: DependencyConfig) -> Self {
        let DependencyConfig { name, url, criticality, timeout, grace, trust } = config;
        Self { name, criticality, timeout, grace, check: Check::Url(url, trust) }
    }
}

/// A dependency and the result of its last check.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(super) subject: Subject,
    pub(crate) durations: Buckets,
    record: Mutex<Record>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    last: Option<Outcome>,
    has_answered: bool,
    consecutive_failures: u64,
}

/// The result of one check.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) ended: Instant,
    pub(super) ended_at: SystemTime,
    pub(super) latency: Duration,
    /// Why it failed, in words for people; none where the dependency answered.
    pub(super) failure: Option<String>,
}

/// What readiness reports.
#[derive(Debug, Serialize)]
pub(crate) struct HealthReport {
    /// How the service is.
    pub(crate) status: Status,
    /// When this was reported, RFC 3339.
    pub(crate) timestamp: String,
    /// The version that is running.
    pub(crate) version: &'static str,
    /// How long it has been running.
    pub(crate) uptime_seconds: u64,
    /// The dependencies, by name.
    pub(crate) services: BTreeMap<String, DependencyReport>,
}

/// What is known of a dependency.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DependencyReport {
    /// How it is.
    pub(crate) status: State,
    /// What its absence means.
    pub(crate) criticality: Criticality,
    /// How long the last check took, in milliseconds; none before the first.
    #[serde(serialize_with = "milliseconds")]
    pub(crate) latency_ms: Option<Duration>,
    /// When the last check ended, RFC 3339; none before the first.
    pub(crate) last_check: Option<String>,
    /// Why it is as it is, for people.
    pub(crate) message: String,
    /// How many checks have failed since the last good one.
    pub(crate) consecutive_failures: u64,
}

impl Health {
    /// A registry of these dependencies, none of them checked yet.
    pub(crate) fn new(
        identity: Identity,
        subjects: impl IntoIterator<Item = impl Into<Subject>>,
    ) -> Self {
        let dependencies = subjects.into_iter().map(|subject| Dependency {
            subject: subject.into(),
            durations: Buckets::default(),
            record: Mutex::default(),
        });
        Self { identity, started: Instant::now(), dependencies: dependencies.collect() }
    }

    /// Which service this is.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// When the service started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The service's status now, draining apart.
    pub(crate) fn status(&self) -> Status {
        let now = Instant::now();
        overall(self.dependencies.iter().map(|dependency| {
            let record = dependency.record().clone();
            (dependency.subject.criticality, dependency.judge(&record, self.started, now).0)
        }))
    }

    /// The whole report. `is_draining` overrules what the dependencies say.
    pub(crate) fn report(&self, is_draining: bool) -> HealthReport {
        let mut services = BTreeMap::new();
        for dependency in &self.dependencies {
            services.insert(dependency.subject.name.clone(), dependency.report(self.started));
        }
        let status = if is_draining {
            Status::Draining
        } else {
            overall(services.values().map(|service| (service.criticality, service.status)))
        };
        HealthReport {
            status,
            timestamp: rfc3339(SystemTime::now()),
            version: self.identity.version,
            uptime_seconds: self.started.elapsed().as_secs(),
            services,
        }
    }
}

impl Dependency {
    /// The configured name.
    pub(crate) fn name(&self) -> &str {
        &self.subject.name
    }

    /// What its absence means.
    pub(crate) fn criticality(&self) -> Criticality {
        self.subject.criticality
    }

    /// What is known of it now.
    pub(crate) fn report(&self, started: Instant) -> DependencyReport {
        let record = self.record().clone();
        let (status, message) = self.judge(&record, started, Instant::now());
        DependencyReport {
            status,
            criticality: self.subject.criticality,
            latency_ms: record.last.as_ref().map(|check| check.latency),
            last_check: record.last.as_ref().map(|check| rfc3339(check.ended_at)),
            message,
            consecutive_failures: record.consecutive_failures,
        }
    }

    /// Takes in a result.
    pub(super) fn store(&self, outcome: Outcome) {
        self.durations.record(outcome.latency);
        let mut record = self.record();
        if outcome.is_good() {
            record.has_answered = true;
            record.consecutive_failures = 0;
        } else {
            record.consecutive_failures += 1;
        }
        record.last = Some(outcome);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, record: &Record, started: Instant, now: Instant) -> (State, String) {
        let has_grace = now.saturating_duration_since(started) < self.subject.grace;
        let (state, message) = match &record.last {
            None => (State::Unhealthy, "not checked yet".to_owned()),
            Some(check) => {
                let age = now.saturating_duration_since(check.ended);
                if age > STALE_AFTER {
                    (State::Unhealthy, format!("no result for {} s", age.as_secs()))
                } else {
                    check.judge()
                }
            }
        };
        if state == State::Unhealthy && !record.has_answered && has_grace {
            return (State::Starting, message);
        }
        (state, message)
    }
}

impl Outcome {
    /// Whether the dependency answered, and in time.
    pub(super) fn is_good(&self) -> bool {
        self.failure.is_none() && self.latency <= DEGRADED_WITHIN
    }

    fn judge(&self) -> (State, String) {
        let took = self.latency.as_millis();
        match &self.failure {
            Some(failure) => (State::Unhealthy, failure.clone()),
            None if self.latency <= HEALTHY_WITHIN => (State::Healthy, "ok".to_owned()),
            None if self.latency <= DEGRADED_WITHIN => {
                (State::Degraded, format!("slow: answered after {took} ms"))
            }
            None => (State::Unhealthy, format!("too slow: answered after {took} ms")),
        }
    }
}

#[allow(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    // Tenths are enough to see, and spare readers the noise.
    let tenths = time.map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0);
    tenths.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::TEST;
    use crate::settings::Value;

    const LONG_AGO: Duration = Duration::from_secs(100);

    fn dependency(criticality: Criticality) -> DependencyConfig {
        DependencyConfig {
            trust: Trust::SYSTEM,
            name: "db".to_owned(),
            url: TargetUrl::parse("tcp://127.0.0.1:1").unwrap(),
            criticality,
            timeout: Duration::from_secs(2),
            grace: Duration::from_secs(30),
        }
    }

    fn check(latency_ms: u64, failure: Option<&str>) -> Outcome {
        Outcome {
            ended: Instant::now(),
            ended_at: SystemTime::now(),
            latency: Duration::from_millis(latency_ms),
            failure: failure.map(str::to_owned),
        }
    }

    /// The state of a critical dependency after these checks, when the service is this old.
    fn state(age: Duration, checks: impl IntoIterator<Item = Outcome>) -> (State, String) {
        let mut health = Health::new(TEST, [dependency(Criticality::Critical)]);
        health.started = Instant::now().checked_sub(age).unwrap();
        let dependency = &health.dependencies[0];
        checks.into_iter().for_each(|check| dependency.store(check));
        let report = dependency.report(health.started);
        (report.status, report.message)
    }

    #[test]
    fn a_service_without_dependencies_is_ready_at_once() {
        assert_eq!(Health::new(TEST, [] as [Subject; 0]).report(false).status, Status::Healthy);
    }

    #[test]
    fn starting_lasts_until_the_first_good_answer_or_the_end_of_the_grace() {
        let young = Duration::from_secs(1);
        assert_eq!(state(young, []).0, State::Starting);
        assert_eq!(state(young, [check(1, Some("refused"))]), (State::Starting, "refused".into()));
        assert_eq!(state(LONG_AGO, [check(1, Some("refused"))]).0, State::Unhealthy);
        assert_eq!(state(LONG_AGO, []).0, State::Unhealthy);
        assert_eq!(state(young, [check(1, None)]).0, State::Healthy);
        let fallen = [check(1, None), check(1, Some("gone"))];
        assert_eq!(state(young, fallen).0, State::Unhealthy, "it had answered");
    }

    #[test]
    fn latency_decides_between_healthy_degraded_and_unhealthy() {
        for (ms, expected) in [
            (100, State::Healthy),
            (101, State::Degraded),
            (1000, State::Degraded),
            (1001, State::Unhealthy),
        ] {
            assert_eq!(state(LONG_AGO, [check(ms, None)]).0, expected, "{ms} ms");
        }
    }

    #[test]
    fn a_result_counts_for_thirty_seconds() {
        let old = |seconds| Outcome {
            ended: Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap(),
            ..check(1, None)
        };
        assert_eq!(state(LONG_AGO, [old(29)]).0, State::Healthy);
        assert_eq!(state(LONG_AGO, [old(32)]), (State::Unhealthy, "no result for 32 s".into()));
    }

    #[test]
    fn failures_are_counted_until_a_good_answer() {
        let health = Health::new(TEST, [dependency(Criticality::Optional)]);
        let failures = |check| {
            health.dependencies[0].store(check);
            health.report(false).services["db"].consecutive_failures
        };
        assert_eq!(failures(check(1, Some("refused"))), 1);
        assert_eq!(failures(check(1500, None)), 2, "too slow is a failure");
        assert_eq!(failures(check(500, None)), 0);
    }

    #[test]
    fn the_report_is_the_json_of_the_contract() {
        let health = Health::new(TEST, [dependency(Criticality::Critical)]);
        health.dependencies[0].store(check(12, None));
        let json = serde_json::to_value(health.report(true)).unwrap();
        assert_eq!(json["status"], "draining");
        assert_eq!(json["version"], TEST.version);
        let db = &json["services"]["db"];
        assert_eq!(db["status"], "healthy");
        assert_eq!(db["criticality"], "critical");
        assert_eq!(db["latency_ms"], 12.0);
        assert_eq!(db["message"], "ok");
        assert_eq!(db["consecutive_failures"], 0);
        assert!(db["last_check"].as_str().unwrap().ends_with('Z'));
        assert_eq!(json.as_object().unwrap().len(), 5);
        assert_eq!(db.as_object().unwrap().len(), 6);
    }
}
