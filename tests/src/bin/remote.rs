//! A service in a process of its own, which outlives the cofferdam that is killed beside it. Prints its address, and ends
//! when its stdin does.

use std::io::{Read, Write};

use cofferdam_tests::{Server, Service};

fn main() {
    let service = Service::default();
    let server = Server::start(move |request| service.answer(request));
    writeln!(std::io::stdout(), "{}", server.host()).expect("somebody reads the address");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
