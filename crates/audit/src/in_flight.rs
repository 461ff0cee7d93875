//! A limit on the memory of the documents that are read, but not evaluated yet.

use std::sync::{Condvar, Mutex, PoisonError};

/// The maximum number of bytes: two of the longest documents, or a batch of usual ones for each of 32 threads.
const MAX_BYTES: usize = 16 << 20;

/// The number of bytes of the documents that are read, but not evaluated yet.
#[derive(Default)]
pub(crate) struct InFlight {
    bytes: Mutex<usize>,
    released: Condvar,
}

/// The documents of a batch, counted until this is dropped.
pub(crate) struct Permit<'f> {
    in_flight: &'f InFlight,
    bytes: usize,
}

impl InFlight {
    /// Waits until there is room for some more bytes. If there are no others, there is room for any number.
    pub(crate) fn enter(&self, bytes: usize) -> Permit<'_> {
        let current = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |current: &mut usize| *current > 0 && *current + bytes > MAX_BYTES;
        let mut current = self.released.wait_while(current, is_full).unwrap_or_else(PoisonError::into_inner);
        *current += bytes;
        Permit { in_flight: self, bytes }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.in_flight.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.in_flight.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_for_room() {
        let in_flight = InFlight::default();
        let first = in_flight.enter(2 * MAX_BYTES);
        thread::scope(|scope| {
            let second = scope.spawn(|| drop(in_flight.enter(1)));
            thread::sleep(Duration::from_millis(50));
            assert!(!second.is_finished());
            drop(first);
        });
        let _both = [in_flight.enter(MAX_BYTES - 1), in_flight.enter(1)];
    }
}
