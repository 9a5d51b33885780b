//! Parts of the contract whose host side comes later answer through the taxonomy: a typed error, no crash.

use cofferdam_tests::{Response, Sandbox, Server, web_stack};

#[test]
fn they_answer_unsupported() {
    for import in ["sigv4"] {
        let sandbox = Sandbox::new();
        let server = Server::start(|_| Response::status(200));
        let resource = format!("\nresource \"web_unserved\" \"main\" {{\n  import = \"{import}\"\n}}\n");
        sandbox.plugin("web").stack(&(web_stack(&server) + &resource));
        let output = sandbox.run(&["deploy", "--yes"]).exits(1);
        output.says("unsupported");
        insta::assert_snapshot!(import, output.shown());
        assert!(server.requests().is_empty());
    }
}
