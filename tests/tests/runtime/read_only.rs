//! Planning changes nothing, because the host refuses what could.

use std::sync::Arc;

use cofferdam_tests::{Objects, Sandbox, Server, web_stack};

#[test]
fn a_read_that_would_change_something_is_refused() {
    let sandbox = Sandbox::new();
    let objects = Arc::new(Objects::default());
    let answering = objects.clone();
    let server = Server::start(move |request| answering.answer(request));
    sandbox.plugin("web").stack(&format!(
        "{}{}",
        web_stack(&server),
        r#"
resource "web_object" "main" {
  name     = "careless"
  careless = true
}
"#
    ));
    sandbox.deploy();
    let before = server.requests().len();
    insta::assert_snapshot!("plan", sandbox.run(&["plan", "--refresh", "all"]).exits(5).shown());
    insta::assert_snapshot!("refresh", sandbox.run(&["refresh"]).exits(5).shown());
    assert_eq!(server.requests().len(), before, "a request went out while planning");
}
