//! What a stranger can do to the server from outside: large and bent bodies and heads, connections that say nothing, answers that nobody reads, streams without end. Each attack is run as a whole against
//! a process of its own; the server stays within its bounds and answers others meanwhile.

mod attacks {
    mod bodies;
    mod connections;
    mod files;
    mod heads;
    mod stopping;
    mod streams;
    mod unread;
}

use gatehouse_tests::process::serve_if_asked;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}
