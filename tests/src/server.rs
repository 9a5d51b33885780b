//! A server on this machine that remembers every request and when it was there.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::{self, Request, Response};

/// Far above what any test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers until the tests end.
pub struct Server {
    address: SocketAddr,
    book: Arc<Book>,
}

/// What came in.
#[derive(Default)]
struct Book {
    visits: Mutex<Vec<Visit>>,
    changed: Condvar,
}

struct Visit {
    request: Request,
    began: Instant,
    ended: Option<Instant>,
    /// Requests that were there when this one came, itself included.
    beside: usize,
}

impl Server {
    /// Starts a server that answers with this function, from as many threads as there are connections.
    #[must_use]
    pub fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let book = Arc::new(Book::default());
        let (answer, kept) = (Arc::new(answer), book.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, book) = (answer.clone(), kept.clone());
                thread::spawn(move || {
                    // A client that goes away in the middle is part of the tests.
                    let _ = wire::serve(stream, |request| {
                        let visit = book.enter(&request);
                        let response = answer(&request);
                        book.leave(visit);
                        response
                    });
                });
            }
        });
        Self { address, book }
    }

    /// Address and port, as a grant names them.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.book.locked().iter().map(|visit| visit.request.clone()).collect()
    }

    /// The requests so far, each as method and path.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    /// Waits until so many requests have arrived.
    #[track_caller]
    pub fn until(&self, count: usize) {
        let visits = self.book.locked();
        let (visits, waited) = self
            .book
            .changed
            .wait_timeout_while(visits, PATIENCE, |visits| visits.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{count} requests were expected and {} came", visits.len());
    }

    /// The most requests that were there at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.book.locked().iter().map(|visit| visit.beside).max().unwrap_or(0)
    }

    /// From the arrival of the first request to the last answer.
    #[must_use]
    pub fn busy(&self) -> Duration {
        let visits = self.book.locked();
        let began = visits.iter().map(|visit| visit.began).min();
        let ended = visits.iter().filter_map(|visit| visit.ended).max();
        began.zip(ended).map(|(began, ended)| ended - began).unwrap_or_default()
    }
}

impl Book {
    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::disallowed_methods, reason = "the server measures real time")]
    fn enter(&self, request: &Request) -> usize {
        let mut visits = self.locked();
        let beside = visits.iter().filter(|visit| visit.ended.is_none()).count() + 1;
        visits.push(Visit { request: request.clone(), began: Instant::now(), ended: None, beside });
        self.changed.notify_all();
        visits.len() - 1
    }

    #[expect(clippy::disallowed_methods, reason = "the server measures real time")]
    fn leave(&self, visit: usize) {
        self.locked()[visit].ended = Some(Instant::now());
    }
}
