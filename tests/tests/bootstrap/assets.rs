//! Assets that plugins publish, with every request counted.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cofferdam_tests::{Request, Sandbox};
use rustix::process::{Pid, Signal, kill_process};

use crate::account::{Account, run};

const MIB: usize = 1024 * 1024;
const SCOPE: &str = "region = \"us-east-1\"";

/// A stack of so many resources that publish `dist/site.zip`.
fn stack(account: &Account, resources: usize, more: &str) -> String {
    let text = account.stack(&[]).replace("  grant {", "  grant {\n    assets = [\"dist\"]");
    let resource = |i| {
        format!("resource \"web_published\" \"r{i}\" {{\n  asset = \"dist/site.zip\"\n  note = \"{i}\"\n  {more}\n}}\n")
    };
    text + &(0..resources).map(resource).collect::<String>()
}

fn published(account: &Account, resources: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.plugin("web").stack(&stack(account, resources, &format!("scope = {{ {SCOPE} }}")));
    sandbox
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| u8::try_from((i / 3 + i / MIB) % 251).expect("small")).collect()
}

fn is_part(line: &str) -> bool {
    line.starts_with("PUT") && line.contains("partNumber=")
}

fn bucket(account: &Account) -> String {
    account.buckets().into_iter().find(|name| name.starts_with("cofferdam-assets-")).expect("a bucket for assets")
}

#[test]
fn fifty_resources_upload_once() {
    let account = Account::new();
    let sandbox = published(&account, 50);
    sandbox.file("dist/site.zip", content(20 * MIB));
    run(&sandbox, &["plan"]).run().exits(0).says("50 to create");
    assert_eq!(account.requests("PUT") + account.requests("POST /cofferdam"), 0, "{:?}", account.all());
    let deployed = run(&sandbox, &["deploy", "--yes", "--parallelism", "50", "--format", "json"]).run().exits(0);
    let all = account.all();
    assert_eq!(all.iter().filter(|line| is_part(line)).count(), 3, "{all:?}");
    assert_eq!(all.iter().filter(|line| line.starts_with("POST") && line.contains("uploadId=")).count(), 1, "{all:?}");
    let events = deployed.events_of("asset");
    assert_eq!(events.iter().filter(|event| event["status"] == "uploaded").count(), 1, "{events:?}");
    let state = sandbox.run(&["state", "show", "web_published.r7", "--format", "json"]).exits(0);
    state.says("application/zip").says("sha256:").says("assets/sha256/");
    // Another run finds it.
    account.forget();
    let other = published(&account, 1);
    other.file("dist/site.zip", content(20 * MIB));
    run(&other, &["deploy", "--yes"]).run().exits(0);
    assert!(!account.all().iter().any(|line| is_part(line)), "{:?}", account.all());
}

#[test]
fn a_run_that_is_killed_is_gone_on_with() {
    let (pid, parts, armed) =
        (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (victim, count, is_armed) = (Arc::clone(&pid), Arc::clone(&parts), Arc::clone(&armed));
    let uploads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&uploads);
    let account = Account::behind(move |request: &Request, onward| {
        let answer = onward.send().ok()?;
        if request.method == "POST" && request.path.ends_with("?uploads") {
            seen.lock().expect("whole").push(request.path.clone());
        }
        if is_part(&request.line())
            && count.fetch_add(1, Ordering::SeqCst) == 3
            && is_armed.swap(false, Ordering::SeqCst)
            && let Some(pid) = Pid::from_raw(victim.load(Ordering::SeqCst))
        {
            kill_process(pid, Signal::KILL).expect("it runs");
            return None;
        }
        // moto's list of parts has another name than S3's.
        Some(replaced(answer, b"ListPartsResponse", b"ListPartsResult"))
    });
    let sandbox = published(&account, 1);
    sandbox.file("dist/site.zip", content(60 * MIB));
    let first = run(&sandbox, &["deploy", "--yes"]).start();
    pid.store(first.pid().as_raw_nonzero().get(), Ordering::SeqCst);
    assert_ne!(first.wait().exit, 0);
    let before = parts.swap(0, Ordering::SeqCst);
    run(&sandbox, &["deploy", "--yes", "--lock-wait", "2m"]).run().exits(0);
    let after = parts.load(Ordering::SeqCst);
    assert!(before >= 4 && after < 8, "{before} parts were sent before, {after} after");
    assert_eq!(uploads.lock().expect("whole").len(), 1, "the upload is the same one");
    assert_eq!(account.open_uploads(&bucket(&account)), 0);
}

/// A chunk of an answer under another name, with its length.
fn replaced(answer: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let text = match String::from_utf8(answer) {
        Ok(text) => text,
        Err(error) => return error.into_bytes(),
    };
    let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
    let Some((head, body)) = text.split_once("\r\n\r\n").filter(|(_, body)| body.contains(&*from)) else {
        return text.into_bytes();
    };
    let shorter = body.replace(&*from, &to);
    head.replace(&format!("Content-Length: {}", body.len()), &format!("Content-Length: {}", shorter.len()))
        .into_bytes()
        .into_iter()
        .chain(*b"\r\n\r\n")
        .chain(shorter.into_bytes())
        .collect()
}

#[test]
fn a_file_that_changes_during_the_upload_is_told() {
    let file: Arc<Mutex<Option<std::path::PathBuf>>> = Arc::default();
    let changed = Arc::clone(&file);
    let account = Account::behind(move |request: &Request, onward| {
        if is_part(&request.line())
            && let Some(path) = changed.lock().expect("whole").take()
        {
            let mut content = content(40 * MIB);
            content[40 * MIB - 1] ^= 1;
            std::fs::write(path, content).expect("writes");
        }
        onward.send().ok()
    });
    let sandbox = published(&account, 1);
    sandbox.file("dist/site.zip", content(40 * MIB));
    *file.lock().expect("whole") = Some(sandbox.path("dist/site.zip"));
    let output = run(&sandbox, &["deploy", "--yes"]).run().exits(1);
    output.says("the asset `dist/site.zip` changed while it was read; run this again when nothing writes to it");
    assert_eq!(account.open_uploads(&bucket(&account)), 0);
    assert!(account.objects(&bucket(&account), "assets/").is_empty());
}

#[test]
fn what_is_no_asset_is_refused() {
    let account = Account::new();
    let cases = [
        ("missing", "dist/none.zip", 1),
        ("outside", "../user/secret", 3),
        ("absolute", "/etc/passwd", 3),
        ("ungranted", "stack.hcl", 5),
        ("home", ".cofferdam/home.json", 3),
        ("folder", "dist", 3),
        ("link", "dist/link", 5),
    ];
    for (name, asset, exit) in cases {
        let sandbox = published(&account, 1);
        sandbox
            .file("dist/site.zip", "content")
            .stack(&stack(&account, 1, &format!("scope = {{ {SCOPE} }}")).replace("dist/site.zip", asset));
        std::os::unix::fs::symlink("../stack.hcl", sandbox.path("dist/link")).expect("links");
        let output = run(&sandbox, &["plan"]).run().exits(exit);
        insta::assert_snapshot!(name, output.shown());
    }
    let sandbox = published(&account, 1);
    sandbox
        .file("dist/site.zip", "content")
        .stack(&stack(&account, 1, &format!("scope = {{ {SCOPE} }}")).replace("assets = [\"dist\"]", ""));
    let output = run(&sandbox, &["plan"]).run().exits(5);
    insta::assert_snapshot!("no_grant", output.shown());
    sandbox.stack(&stack(&account, 1, "").replace("[\"dist\"]", "[\"../dist\"]"));
    insta::assert_snapshot!("bad_grant", run(&sandbox, &["plan"]).run().exits(3).shown());
    assert!(account.all().is_empty(), "{:?}", account.all());
}

#[test]
fn a_plan_never_publishes() {
    let account = Account::new();
    let sandbox = published(&account, 1);
    sandbox.file("dist/site.zip", "content");
    sandbox.stack(&stack(&account, 1, &format!("scope = {{ {SCOPE} }}\n  in_plan = true")));
    let output = run(&sandbox, &["plan"]).run().exits(5);
    insta::assert_snapshot!("in_plan", output.shown());
    assert!(account.all().is_empty(), "{:?}", account.all());
}

#[test]
fn what_no_state_names_is_collected() {
    let account = Account::new();
    let sandbox = published(&account, 1);
    sandbox.file("dist/site.zip", "one");
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    let bucket = bucket(&account);
    let assets = |prefix: &str| account.objects(&bucket, prefix).len();
    let gc = |sandbox: &Sandbox, args: &[&str]| {
        run(sandbox, &[&["bootstrap", "gc", "--region", "us-east-1"], args].concat()).run().exits(0)
    };
    // Another stage of another home publishes the same and something of its own.
    let other = published(&account, 1);
    other.file("dist/site.zip", "two");
    run(&other, &["deploy", "--yes"]).run().exits(0);
    assert_eq!((assets("assets/"), assets("refs/")), (2, 2));
    gc(&sandbox, &["--older-than", "1ms", "--yes"]).says("0 of 2 assets not needed");
    run(&sandbox, &["destroy", "--yes"]).run().exits(0);
    // The history still names it, and a rollback would bring it back.
    gc(&sandbox, &["--older-than", "1ms", "--yes"]).says("0 of 2 assets not needed");
    std::fs::remove_dir_all(sandbox.path(".cofferdam/stacks")).expect("removes");
    gc(&sandbox, &["--yes"]).says("0 of 2 assets not needed");
    let dry = gc(&sandbox, &["--older-than", "1ms", "--dry-run"]);
    dry.says("1 of 2 assets not needed (3 bytes); 1 asset published from other homes");
    assert_eq!(assets("assets/"), 2);
    gc(&sandbox, &["--older-than", "1ms", "--yes"]).says("1 asset removed (3 bytes)");
    assert_eq!((assets("assets/"), assets("refs/"), assets("gc/")), (1, 1, 0));
    // The other one is there still, and one that is published again is put there again.
    run(&other, &["plan"]).run().exits(0).says("is as the stack says");
    run(&sandbox, &["deploy", "--yes"]).run().exits(0);
    assert_eq!((assets("assets/"), assets("refs/")), (2, 2));
}

/// The most memory that a deploy of an asset had, in MiB.
fn peak(size: usize) -> usize {
    let account = Account::new();
    let sandbox = published(&account, 1);
    sandbox.file("dist/site.zip", content(size));
    let running = run(&sandbox, &["deploy", "--yes"]).start();
    let status = format!("/proc/{}/status", running.pid().as_raw_nonzero());
    let looking = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(kib) = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<usize>().ok())
            else {
                break;
            };
            peak = peak.max(kib / 1024);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        peak
    });
    running.wait().exits(0);
    looking.join().expect("no panic")
}

#[test]
fn a_large_asset_needs_little_memory() {
    let (small, large) = (peak(MIB), peak(300 * MIB));
    eprintln!("peak memory: {small} MiB with 1 MiB, {large} MiB with 300 MiB");
    assert!(large < small + 120, "{small} MiB with a small asset, {large} MiB with one of 300 MiB");
}
