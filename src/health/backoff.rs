//! How long to wait before the next check.

use std::time::Duration;

/// Between the starts of two checks of a dependency that is well.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// The first wait after a failure.
const FIRST: Duration = Duration::from_secs(1);

/// The wait after this many failures in a row: doubled each time from one second up to the cap, and
/// up to a fifth shorter by chance, so that the pods of a deployment do not check in step.
pub(super) fn after_failures(failures: u64, cap: Duration) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let wait = FIRST.saturating_mul(1 << doublings).min(cap);
    wait.mul_f64(1.0 - fastrand::f64() / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_second_to_the_cap_with_jitter() {
        let cap = Duration::from_secs(10);
        for (failures, longest) in
            [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (u64::MAX, 10.0)]
        {
            let waits: Vec<f64> =
                (0..200).map(|_| after_failures(failures, cap).as_secs_f64()).collect();
            let range = longest * 0.8 - 1e-9..=longest;
            assert!(waits.iter().all(|wait| range.contains(wait)), "{failures}: {waits:?}");
            assert!(waits.iter().any(|wait| (wait - waits[0]).abs() > 1e-6), "no jitter");
        }
    }
}
