//! A proxy before a server that remembers every request. What goes through is not changed.

use std::io::{BufReader, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::wire::{self, Request};

/// A proxy that runs until the tests end.
pub struct Tap {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Tap {
    /// Starts a proxy before a server.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::default());
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&kept);
                // A client that goes away in the middle is part of the tests.
                thread::spawn(move || drop(pass(stream, server, &seen)));
            }
        });
        Self { address, seen }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in the order of their arrival, but for the first ones.
    #[must_use]
    pub fn since(&self, first: usize) -> Vec<Request> {
        locked(&self.seen)[first..].to_vec()
    }
}

fn locked(seen: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes one request on, and its answer back. Each has a connection of its own.
fn pass(mut client: TcpStream, server: SocketAddr, seen: &Mutex<Vec<Request>>) -> Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let Some(request) = wire::read(&mut reader, &mut client)? else { return Ok(()) };
    let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.path);
    for (name, value) in request.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "connection" | "expect")) {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let mut upstream = TcpStream::connect(server)?;
    upstream.set_nodelay(true)?;
    upstream.write_all(&[head.as_bytes(), &request.body].concat())?;
    locked(seen).push(request);
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    client.write_all(&answer)
}
