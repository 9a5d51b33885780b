//! What goes wrong between a run and an account: what people are told, and that the next run makes everything as it
//! should be, once.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cofferdam_tests::{Onward, Output, Request};
use regex::Regex;

use crate::account::{Account, run};

/// What becomes of a request; none where it goes on to the server as it is.
type Verdict = Option<Fate>;

#[derive(Clone, Copy)]
enum Fate {
    /// An answer of S3 or of the token service, with a status and a code.
    Answer(u16, &'static str),
    /// The connection ends without one.
    Reset,
    /// The answer comes late.
    Late,
}

type Rule = Box<dyn Fn(&Request) -> Verdict + Send>;

/// An account whose requests can be made to fail. Every case has a namespace of its own there.
struct Faulty {
    account: Account,
    rule: Arc<Mutex<Rule>>,
    /// Namespaces that are made.
    made: Mutex<BTreeSet<String>>,
}

impl Faulty {
    fn new() -> Self {
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| None)));
        let judge = Arc::clone(&rule);
        let account = Account::behind(move |request, onward| {
            let verdict = judge.lock().unwrap_or_else(PoisonError::into_inner)(request);
            pass(request, &onward, verdict)
        });
        Self { account, rule, made: Mutex::default() }
    }

    fn rule(&self, rule: impl Fn(&Request) -> Verdict + Send + 'static) {
        *self.rule.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(rule);
    }

    fn deploy(&self, namespace: &str) -> Output {
        let scope = format!("region = \"eu-west-1\"\n    namespace = \"{namespace}\"");
        run(&self.account.sandbox(&[&scope]), &["deploy", "--yes"]).run()
    }

    /// A deploy under a rule, and one without; what the first said.
    fn tries(&self, namespace: &str, rule: impl Fn(&Request) -> Verdict + Send + 'static) -> String {
        self.rule(rule);
        let tried = self.deploy(namespace);
        self.rule(|_| None);
        self.is_made(namespace);
        format!("    exit {}\n{}", tried.exit, said(&tried))
    }

    fn is_made(&self, namespace: &str) {
        let deployed = self.deploy(namespace);
        assert_eq!(deployed.exit, 0, "{namespace}: {}", deployed.raw());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(namespace.to_owned());
        assert_eq!(self.account.buckets().len(), 2 * made.len(), "{namespace}");
    }
}

fn pass(request: &Request, onward: &Onward, verdict: Verdict) -> Option<Vec<u8>> {
    match verdict {
        None => onward.send().ok(),
        Some(Fate::Reset) => None,
        Some(Fate::Late) => {
            thread::sleep(Duration::from_millis(200));
            onward.send().ok()
        }
        Some(Fate::Answer(status, code)) => {
            let body = if request.path == "/" {
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
                )
            } else if request.method == "HEAD" {
                String::new()
            } else {
                format!("<Error><Code>{code}</Code><Message>no</Message></Error>")
            };
            let length = body.len();
            Some(format!("HTTP/1.1 {status} No\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes())
        }
    }
}

/// What kind of request it is: whom it asks for what. Numbers and names that differ from run to run are left out.
fn kind(request: &Request) -> String {
    if request.path == "/" {
        return "ask whose the credentials are".to_owned();
    }
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let bucket = if bucket.contains("-assets-") { "assets" } else { "states" };
    let about = query.split('&').map(|part| part.split('=').next().unwrap_or_default());
    let about = about.filter(|part| !part.is_empty() && *part != "x-id").collect::<Vec<_>>().join(",");
    if key.starts_with("probe/") || request.body.windows(6).any(|part| part == b"probe/") {
        return format!("{} {bucket} probe", request.method);
    }
    let key = key.split('/').nth(2).unwrap_or(key.split('/').next().unwrap_or_default());
    [request.method.as_str(), bucket, key, &about].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The errors and hints of a run, and how often it was told that there is another attempt. Names of buckets follow from
/// the address of the server, which is another in every run.
fn said(output: &Output) -> String {
    let text = output.shown_of(&output.stderr);
    let text = Regex::new("-1-[0-9a-f]{8}").expect("valid").replace_all(&text, "-1-[digest]");
    let text = Regex::new("probe/[0-9a-f]{32}").expect("valid").replace_all(&text, "probe/[token]");
    let is_said = |line: &&str| ["error: ", "caused by: ", "hint: "].iter().any(|word| line.starts_with(word));
    let mut said: String = text.lines().map(str::trim).filter(is_said).map(|line| format!("    {line}\n")).collect();
    let attempts = text.lines().filter(|line| line.contains("; attempt ")).count();
    if attempts > 0 {
        let _ = writeln!(said, "    after {attempts} more attempts");
    }
    said
}

/// Every kind of request of a preparation, in the order in which they first come.
fn kinds(faulty: &Faulty) -> Vec<String> {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&seen);
    faulty.rule(move |request| {
        let (kind, mut kept) = (kind(request), kept.lock().unwrap_or_else(PoisonError::into_inner));
        if !kept.contains(&kind) {
            kept.push(kind);
        }
        None
    });
    faulty.is_made("kinds");
    faulty.rule(|_| None);
    let kinds = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(kinds.len() > 10, "{kinds:?}");
    kinds
}

/// The first two requests of every kind have a fate.
fn first_two(fate: Fate) -> impl Fn(&Request) -> Verdict + Send {
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    move |request| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(kind(request)).or_default();
        *count += 1;
        (*count <= 2).then_some(fate)
    }
}

#[test]
fn what_is_denied_is_named_and_made_up_for() {
    let faulty = Faulty::new();
    let mut table = String::new();
    for (i, denied) in kinds(&faulty).into_iter().enumerate() {
        let refused = denied.clone();
        let text = faulty.tries(&format!("n{i}"), move |request| {
            (kind(request) == refused).then_some(Fate::Answer(403, "AccessDenied"))
        });
        let _ = write!(table, "{denied}\n{text}");
    }
    insta::assert_snapshot!("faults_denied", table);
}

#[test]
fn what_passes_is_not_seen() {
    let faulty = Faulty::new();
    let fates = [
        ("throttled", Fate::Answer(503, "SlowDown")),
        ("failing", Fate::Answer(500, "InternalError")),
        ("reset", Fate::Reset),
        ("late", Fate::Late),
    ];
    for (name, fate) in fates {
        faulty.rule(first_two(fate));
        faulty.is_made(name);
    }
}

#[test]
fn what_does_not_pass_is_told() {
    let faulty = Faulty::new();
    let versioning =
        |fate: Fate| move |request: &Request| kind(request).ends_with("PUT assets versioning").then_some(fate);
    let cases: [(&str, Fate); 4] = [
        ("throttled", Fate::Answer(503, "SlowDown")),
        ("failing", Fate::Answer(500, "InternalError")),
        ("reset", Fate::Reset),
        ("expired", Fate::Answer(400, "ExpiredToken")),
    ];
    let mut table = String::new();
    for (name, fate) in cases {
        let _ = write!(table, "{name}\n{}", faulty.tries(name, versioning(fate)));
    }
    let taken = |request: &Request| match kind(request).as_str() {
        "HEAD states" => Some(Fate::Answer(403, "Forbidden")),
        "PUT states" => Some(Fate::Answer(409, "BucketAlreadyExists")),
        _ => None,
    };
    let _ = write!(table, "taken by another account\n{}", faulty.tries("taken", taken));
    for code in ["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"] {
        let whose = move |request: &Request| (request.path == "/").then_some(Fate::Answer(403, code));
        let _ = write!(table, "{code}\n{}", faulty.tries(&code.to_lowercase()[..7], whose));
    }
    insta::assert_snapshot!("faults_lasting", table);
}

#[test]
fn buckets_that_somebody_removed_are_made_again() {
    let faulty = Faulty::new();
    for bucket in ["assets", "state"] {
        faulty.is_made("gone");
        let before = faulty.account.buckets();
        let name = before.iter().find(|name| name.contains(bucket)).expect("it is there");
        faulty.account.remove(name);
        assert_eq!(faulty.account.buckets().len(), 1);
        faulty.is_made("gone");
        assert_eq!(faulty.account.buckets(), before);
    }
}

#[test]
fn a_record_of_a_newer_version_is_left_alone() {
    let faulty = Faulty::new();
    faulty.is_made("newer");
    let bucket = faulty.account.buckets().into_iter().find(|name| name.contains("state")).expect("it is there");
    let key = faulty.account.objects(&bucket, "").into_iter().rfind(|key| key.contains("/record/")).expect("a record");
    let record = faulty.account.object(&bucket, &key);
    faulty.account.put(&bucket, &key, &record.replacen("\"v\":1", "\"v\":99", 1));
    let failed = faulty.deploy("newer");
    assert_eq!(failed.exit, 1, "{}", failed.raw());
    insta::assert_snapshot!("faults_newer", said(&failed));
    faulty.account.put(&bucket, &key, &record);
    faulty.is_made("newer");
}
