//! Bytes that are held for clients: counted where they are held, given back when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What a connection of either protocol costs with a request or two: nobody is greedy with less.
const MODEST: usize = 32 * 1024;

/// All bytes that are held.
#[derive(Debug)]
pub(crate) struct Account {
    limit: usize,
    held: AtomicUsize,
}

impl Account {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, held: AtomicUsize::new(0) }
    }

    /// How many are held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Whether there is no room for more.
    pub(crate) fn is_full(&self) -> bool {
        self.held() >= self.limit
    }

    /// Whether even what makes room for others would be too much: it takes a moment to go.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.held() >= self.limit + self.limit / 8
    }

    /// Whether what is only convenient should be given back.
    pub(crate) fn is_tight(&self) -> bool {
        self.held() > self.limit / 2
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.held())
    }
}

/// What one connection holds of an account.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<Account>,
    held: AtomicUsize,
}

/// The account has no room for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Share {
    pub(crate) fn of(account: &Arc<Account>) -> Arc<Self> {
        Arc::new(Self { account: Arc::clone(account), held: AtomicUsize::new(0) })
    }

    /// Whether it has more than what is still free, and more than it needs.
    pub(crate) fn is_greedy(&self) -> bool {
        self.held.load(Relaxed) > self.account.free().max(MODEST)
    }

    /// Nothing yet, to be added to.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        Hold { share: Arc::clone(self), bytes: 0 }
    }
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    share: Arc<Share>,
    bytes: usize,
}

impl Hold {
    /// What it is a part of.
    pub(crate) fn share(&self) -> Arc<Share> {
        Arc::clone(&self.share)
    }

    /// How many these are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds so many from here on, where the connection may have them. Fewer than before always may be.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            let (account, held) = (&self.share.account, self.share.held.load(Relaxed));
            if held + more > account.free() {
                return Err(Full);
            }
        }
        self.force(bytes);
        Ok(())
    }

    /// Holds so many from here on, room or not: they are there already.
    pub(crate) fn force(&mut self, bytes: usize) {
        // Most hold nothing: all threads write to this one place.
        if bytes == self.bytes {
            return;
        }
        let (account, held) = (&self.share.account.held, &self.share.held);
        if bytes > self.bytes {
            account.fetch_add(bytes - self.bytes, Relaxed);
            held.fetch_add(bytes - self.bytes, Relaxed);
        } else {
            account.fetch_sub(self.bytes - bytes, Relaxed);
            held.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.force(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connection_may_have_more_than_what_is_still_free() {
        let account = Arc::new(Account::new(100));
        let (one, two) = (Share::of(&account), Share::of(&account));
        let (mut greedy, mut other) = (one.hold(), one.hold());
        assert_eq!(greedy.resize(50), Ok(()));
        assert_eq!((greedy.resize(51), other.resize(1)), (Err(Full), Err(Full)));
        let mut late = two.hold();
        assert_eq!(late.resize(25), Ok(()), "another may have half of the rest");
        assert_eq!((late.resize(26), account.held()), (Err(Full), 75));
        greedy.resize(10).unwrap();
        assert_eq!((late.resize(26), account.held()), (Ok(()), 36));
        drop((greedy, other, late));
        assert_eq!(account.held(), 0);
    }

    #[test]
    fn who_has_little_is_not_greedy_even_when_nothing_is_free() {
        let account = Arc::new(Account::new(100));
        let (modest, greedy) = (Share::of(&account), Share::of(&account));
        let (mut little, mut much) = (modest.hold(), greedy.hold());
        little.force(MODEST);
        much.force(MODEST + 1);
        assert!(account.is_full() && !modest.is_greedy() && greedy.is_greedy());
    }

    #[test]
    fn what_is_there_already_counts_past_the_limit_too() {
        let account = Arc::new(Account::new(10));
        let mut hold = Share::of(&account).hold();
        assert!(!account.is_tight());
        hold.force(20);
        assert!(account.is_full() && account.is_tight());
        assert_eq!(hold.resize(15), Ok(()), "less is always possible");
        assert_eq!(hold.resize(16), Err(Full));
        drop(hold);
        assert!(!account.is_full());
    }
}
