//! Which series there are: the pairs of route and method, the statuses, and the places in which they are
//! counted.
//!
//! SECURITY: a client can send any path, method and host. None of them becomes a label: the pairs of
//! route and method are fixed when the route table is made, statuses are a closed list, and no
//! metric ever has more than 1000 series.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use hyper::Method;

/// Most series of one metric.
const MAX_SERIES: usize = 1000;

/// Most pairs of route and method that are counted each: one is 15 series of a histogram. They are the
/// first that are asked for, the last one apart, which stands for all others.
const MAX_PAIRS: usize = 64;

/// The place of all pairs that have none of their own.
const OVERFLOW_PLACE: usize = MAX_PAIRS - 1;

const UNPLACED: u8 = u8::MAX;

/// The route of requests that no route took.
pub(crate) const NO_ROUTE: &str = "none";

/// What stands for all else, in any label.
const OTHER: &str = "other";

/// The methods that requests without a route are counted by.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];

/// The statuses that are counted each; 499 is a request that got no answer.
const STATUSES: [(u16, &str); 51] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (206, "206"),
    (301, "301"),
    (302, "302"),
    (303, "303"),
    (304, "304"),
    (307, "307"),
    (308, "308"),
    (400, "400"),
    (401, "401"),
    (402, "402"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (407, "407"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (411, "411"),
    (412, "412"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (416, "416"),
    (417, "417"),
    (418, "418"),
    (421, "421"),
    (422, "422"),
    (423, "423"),
    (424, "424"),
    (425, "425"),
    (426, "426"),
    (428, "428"),
    (429, "429"),
    (431, "431"),
    (451, "451"),
    (499, "499"),
    (500, "500"),
    (501, "501"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (505, "505"),
    (507, "507"),
    (508, "508"),
    (511, "511"),
    (0, OTHER),
];

/// A pair of route and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeriesId(usize);

/// Which series there are; shared by all shards.
#[derive(Debug)]
pub(crate) struct HttpSeries {
    /// The methods without a route, then the pairs of the table.
    pairs: Vec<(&'static str, &'static str)>,
    /// Per pair, the place in which it is counted; [`UNPLACED`] before its first request.
    places: Box<[AtomicU8]>,
    /// How many places are taken.
    taken: Mutex<usize>,
    /// Per place and status: not seen yet, counted on its own, or counted in the overflow.
    admitted: Box<[AtomicU8]>,
    admitted_count: Mutex<usize>,
}

const NOT_SEEN: u8 = 0;
const ADMITTED: u8 = 1;
const OVERFLOW: u8 = 2;

impl HttpSeries {
    /// How many places there are.
    pub(super) const PLACES: usize = MAX_PAIRS;

    /// How many cells there are: one for each place and status.
    pub(super) const CELLS: usize = MAX_PAIRS * STATUSES.len();

    /// The series of a message whose method is not known to anyone.
    pub(crate) const OF_UNKNOWN_METHOD: SeriesId = SeriesId(METHODS.len() - 1);

    /// The methods that a route for whatever method is counted by.
    pub(crate) const METHODS: [&str; METHODS.len()] = METHODS;

    /// The series of a route table, given as its pairs of method and pattern.
    pub(crate) fn new(routes: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut pairs: Vec<_> = METHODS.iter().map(|method| (*method, NO_ROUTE)).collect();
        pairs.extend(routes);
        Self {
            places: pairs.iter().map(|_| AtomicU8::new(UNPLACED)).collect(),
            pairs,
            taken: Mutex::default(),
            admitted: (0..Self::CELLS).map(|_| AtomicU8::new(NOT_SEEN)).collect(),
            admitted_count: Mutex::new(0),
        }
    }

    /// The series of a route of the table.
    pub(crate) fn of_route(&self, method: &str, route: &str) -> SeriesId {
        let found = self.pairs.iter().position(|pair| *pair == (method, route));
        SeriesId(found.unwrap_or(usize::MAX))
    }

    /// The first series of a route for whatever method: the others follow it.
    pub(crate) fn of_any_route(&self, route: &str) -> SeriesId {
        let is_block = |pairs: &[(&str, &str)]| {
            pairs.iter().zip(METHODS).all(|(pair, method)| *pair == (method, route))
        };
        let found = self.pairs.windows(METHODS.len()).position(is_block);
        SeriesId(found.unwrap_or(usize::MAX))
    }

    /// The series of a request to a route for whatever method, whose first series is this one.
    pub(crate) fn of_any(first: SeriesId, method: &Method) -> SeriesId {
        SeriesId(first.0.saturating_add(Self::of_no_route(method).0))
    }

    /// The series of a request that no route takes.
    pub(crate) fn of_no_route(method: &Method) -> SeriesId {
        let found = METHODS.iter().position(|known| *known == method.as_str());
        found.map_or(Self::OF_UNKNOWN_METHOD, SeriesId)
    }

    /// Each place that is taken and its pair, in the order of the table.
    pub(super) fn placed(
        &self,
    ) -> impl Iterator<Item = (usize, (&'static str, &'static str))> + '_ {
        let places = self.places.iter().map(|place| usize::from(place.load(Relaxed)));
        let own = places.zip(self.pairs.iter().copied());
        own.filter(|(place, _)| *place < OVERFLOW_PLACE).chain([(OVERFLOW_PLACE, (OTHER, OTHER))])
    }

    /// The cells of a place, each with its status and that one's label.
    pub(super) fn cells(place: usize) -> impl Iterator<Item = (usize, (u16, &'static str))> {
        STATUSES
            .iter()
            .copied()
            .enumerate()
            .map(move |(n, status)| (place * STATUSES.len() + n, status))
    }

    /// The place and the cell that a request is counted in.
    pub(super) fn counted(&self, id: SeriesId, status: u16) -> (usize, usize) {
        let known = STATUSES.iter().position(|(known, _)| *known == status);
        let place = self.place(id);
        (place, self.cell(place, known.unwrap_or(STATUSES.len() - 1)))
    }

    /// The place that a pair is counted in: its own for the first that are asked for.
    fn place(&self, id: SeriesId) -> usize {
        let Some(place) = self.places.get(id.0) else { return OVERFLOW_PLACE };
        match place.load(Relaxed) {
            UNPLACED => self.take_place(place),
            known => usize::from(known),
        }
    }

    #[cold]
    fn take_place(&self, place: &AtomicU8) -> usize {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Someone else may have been faster.
        let known = place.load(Relaxed);
        if known != UNPLACED {
            return usize::from(known);
        }
        let next = (*taken).min(OVERFLOW_PLACE);
        *taken = next + 1;
        place.store(u8::try_from(next).unwrap_or(UNPLACED), Relaxed);
        next
    }

    /// The cell that a place and status are counted in: their own while there are few enough.
    fn cell(&self, place: usize, status: usize) -> usize {
        let cell = place * STATUSES.len() + status;
        let overflow = OVERFLOW_PLACE * STATUSES.len() + STATUSES.len() - 1;
        let Some(admitted) = self.admitted.get(cell) else {
            return overflow;
        };
        match admitted.load(Relaxed) {
            ADMITTED => cell,
            OVERFLOW => overflow,
            _ => {
                let mut count = self.admitted_count.lock().unwrap_or_else(PoisonError::into_inner);
                // The last one is the overflow's own.
                if cell == overflow || *count + 1 < MAX_SERIES {
                    // Someone else may have been faster; then it is counted already.
                    if admitted.swap(ADMITTED, Relaxed) == NOT_SEEN && cell != overflow {
                        *count += 1;
                    }
                    cell
                } else {
                    admitted.store(OVERFLOW, Relaxed);
                    overflow
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_for_whatever_method_has_a_series_for_each() {
        let any = METHODS.map(|method| (method, "/any"));
        let series = HttpSeries::new([("GET", "/any")].into_iter().chain(any));
        let first = series.of_any_route("/any");
        assert_eq!(series.pairs[HttpSeries::of_any(first, &Method::HEAD).0], ("HEAD", "/any"));
        let other = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(series.pairs[HttpSeries::of_any(first, &other).0], ("other", "/any"));
        assert_eq!(series.of_any_route("/r"), SeriesId(usize::MAX));
    }

    #[test]
    fn places_go_to_those_that_are_asked_for_until_there_is_none() {
        let table: Vec<_> = (0..100).map(|n| ("GET", &*format!("/r{n}").leak())).collect();
        let series = HttpSeries::new(table.iter().copied());
        let place = |n: usize| series.place(series.of_route("GET", table[n].1));
        assert_eq!((place(99), place(98), place(99)), (0, 1, 0));
        let others: Vec<_> = (0..98).map(place).collect();
        assert_eq!(others[..61], *(2..OVERFLOW_PLACE).collect::<Vec<_>>());
        assert!(others[61..].iter().all(|place| *place == OVERFLOW_PLACE), "{others:?}");
        assert_eq!(series.place(SeriesId(usize::MAX)), OVERFLOW_PLACE, "not in the table");
    }
}
