//! A proxy before a server that loses, delays, repeats, cuts off and makes up answers, by a script or a seed. Requests
//! go through unchanged, their `Host` included.

#![allow(clippy::panic, reason = "an expectation that fails ends the test")]
#![allow(dead_code, reason = "every test binary uses a part")]

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// The connection ends before the server has it.
    LostRequest,
    /// The server has it, and its answer is lost.
    LostAnswer,
    /// The connection ends at once, and the server has the request later.
    Late,
    /// It takes longer.
    Delay,
    /// The server has it twice, and the second answer counts.
    Twice,
    /// The answer ends in the middle.
    CutOff,
    /// It goes through without its condition.
    Deaf,
    /// The server never has it, and the answer is made up: a status and a code.
    Answer(u16, &'static str),
}

/// Every fault that a random one is taken from.
const FAULTS: [Fault; 10] = [
    Fault::LostRequest,
    Fault::LostAnswer,
    Fault::Late,
    Fault::Delay,
    Fault::Twice,
    Fault::CutOff,
    Fault::Answer(500, "InternalError"),
    Fault::Answer(503, "SlowDown"),
    Fault::Answer(409, "ConditionalRequestConflict"),
    Fault::Answer(412, "PreconditionFailed"),
];
const DELAY: Duration = Duration::from_millis(50);

/// Which faults there are.
pub enum Plan {
    /// These, for requests with one of these methods, and none after that.
    Script(&'static [&'static str], VecDeque<Fault>),
    /// So many in a hundred.
    Random { seed: u64, percent: u64 },
    /// The server never hears the conditions of requests with these methods.
    Deaf(&'static [&'static str]),
}

impl Plan {
    pub fn script(methods: &'static [&'static str], faults: &[Fault]) -> Self {
        Self::Script(methods, faults.iter().copied().collect())
    }

    fn next(&mut self, method: &str) -> Fault {
        match self {
            Self::Script(methods, faults) if methods.contains(&method) => faults.pop_front().unwrap_or(Fault::None),
            Self::Script(..) => Fault::None,
            Self::Deaf(methods) if methods.contains(&method) => Fault::Deaf,
            Self::Deaf(_) => Fault::None,
            Self::Random { seed, percent } => {
                if draw(seed) % 100 >= *percent {
                    return Fault::None;
                }
                match FAULTS[usize::try_from(draw(seed) % FAULTS.len() as u64).expect("small")] {
                    // No server says so of a request without a condition.
                    Fault::Answer(409 | 412, _) if method != "PUT" => Fault::Answer(500, "InternalError"),
                    fault => fault,
                }
            }
        }
    }
}

/// The splitmix64 generator.
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *seed;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

struct State {
    server: SocketAddr,
    tokens: Option<SocketAddr>,
    plan: Mutex<Plan>,
    requests: Mutex<Vec<(String, Fault)>>,
    late: AtomicUsize,
    closed: AtomicBool,
}

/// A proxy that listens until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    pub fn before(server: SocketAddr, plan: Plan) -> Self {
        Self::start(server, None, plan)
    }

    /// Before a server of S3 that has no token service, and one that has.
    pub fn before_both(server: SocketAddr, tokens: SocketAddr) -> Self {
        Self::start(server, Some(tokens), Plan::script(&[], &[]))
    }

    fn start(server: SocketAddr, tokens: Option<SocketAddr>, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            server,
            tokens,
            plan: Mutex::new(plan),
            requests: Mutex::default(),
            late: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.closed.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and path of each request, with what happened to it.
    pub fn requests(&self) -> Vec<(String, Fault)> {
        self.state.requests.lock().expect("no panic").clone()
    }

    /// How many requests had a fault.
    pub fn faults(&self) -> usize {
        self.requests().iter().filter(|(_, fault)| *fault != Fault::None).count()
    }

    /// No faults from now on; waits until requests that are late have arrived.
    pub fn heal(&self) {
        *self.state.plan.lock().expect("no panic") = Plan::script(&[], &[]);
        while self.state.late.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
        // The listener wakes up and sees it.
        let _ = TcpStream::connect(self.address);
    }
}

/// A request or an answer, head and body as they came.
struct Message {
    head: String,
    bytes: Vec<u8>,
}

fn serve(stream: &TcpStream, state: &Arc<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let request = read_message(&mut reader, Body::OfRequest).ok()?;
        let first = request.head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
        let method = first.split(' ').next()?;
        let fault = state.plan.lock().expect("no panic").next(method);
        state.requests.lock().expect("no panic").push((first.clone(), fault));
        let server = state.tokens.filter(|_| first == "POST /").unwrap_or(state.server);
        match fault {
            Fault::None => writer.write_all(&forward(server, &request.bytes).ok()?).ok()?,
            Fault::Deaf => {
                let request = String::from_utf8_lossy(&request.bytes).replace("if-none-match: ", "x-not-heard: ");
                writer.write_all(&forward(server, request.as_bytes()).ok()?).ok()?;
            }
            Fault::LostRequest => return close(stream),
            Fault::LostAnswer => {
                let _ = forward(server, &request.bytes);
                return close(stream);
            }
            Fault::Late => {
                let state = Arc::clone(state);
                state.late.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    std::thread::sleep(DELAY * 4);
                    let _ = forward(server, &request.bytes);
                    state.late.fetch_sub(1, Ordering::SeqCst);
                });
                return close(stream);
            }
            Fault::Delay => {
                std::thread::sleep(DELAY);
                writer.write_all(&forward(server, &request.bytes).ok()?).ok()?;
            }
            Fault::Twice => {
                let _ = forward(server, &request.bytes);
                writer.write_all(&forward(server, &request.bytes).ok()?).ok()?;
            }
            Fault::CutOff => {
                let answer = forward(server, &request.bytes).ok()?;
                writer.write_all(&answer[..answer.len() - answer.len() / 4 - 1]).ok()?;
                return close(stream);
            }
            Fault::Answer(status, code) => {
                let body =
                    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>made up</Message></Error>");
                let head = format!("HTTP/1.1 {status} Made Up\r\nContent-Length: {}\r\n", body.len());
                writer.write_all(format!("{head}Content-Type: application/xml\r\n\r\n{body}").as_bytes()).ok()?;
            }
        }
    }
}

fn close(stream: &TcpStream) -> Option<()> {
    stream.shutdown(Shutdown::Both).ok()
}

/// Sends a request on a connection of its own.
fn forward(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request)?;
    let mut reader = BufReader::new(&stream);
    loop {
        let answer = read_message(&mut reader, Body::OfAnswer)?;
        if !answer.head.starts_with("HTTP/1.1 1") {
            return Ok(answer.bytes);
        }
    }
}

/// How long a message is that does not say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    OfRequest,
    OfAnswer,
}

fn read_message(reader: &mut BufReader<&TcpStream>, body: Body) -> io::Result<Message> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line[name.len()..].trim().to_ascii_lowercase())
    };
    let mut bytes = head.clone().into_bytes();
    let empty = ["HTTP/1.1 1", "HTTP/1.1 204", "HTTP/1.1 304"].iter().any(|start| head.starts_with(start));
    if empty {
        return Ok(Message { head, bytes });
    }
    if header("transfer-encoding:").is_some_and(|coding| coding == "chunked") {
        read_chunks(reader, &mut bytes)?;
    } else if let Some(length) = header("content-length:") {
        let length = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        read_exactly(reader, length, &mut bytes)?;
    } else if body == Body::OfAnswer {
        reader.read_to_end(&mut bytes)?;
    }
    Ok(Message { head, bytes })
}

fn read_chunks(reader: &mut BufReader<&TcpStream>, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let start = bytes.len();
        reader.read_until(b'\n', bytes)?;
        let size = String::from_utf8_lossy(&bytes[start..]).trim().to_owned();
        let size = u64::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        read_exactly(reader, size + 2, bytes)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(reader: &mut BufReader<&TcpStream>, length: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(length).read_to_end(bytes)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
