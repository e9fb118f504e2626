//! The snippets of docs/guide/clients.md, as they stand there.

use std::time::Duration;

use gatehouse_tests::clients::{Language, Program};
use gatehouse_tests::{App, root, unique};
use serde_json::json;

use super::ways::raise;

/// How long the first line of a program may take to come.
const STARTED: Duration = Duration::from_secs(60);

/// The fenced blocks of a page in languages that are run, each with the line that it begins at.
fn snippets(page: &str) -> Vec<(usize, Language, String)> {
    let mut snippets = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let language = match line.trim() {
            "```js" => Some(Language::JavaScript),
            "```python" => Some(Language::Python),
            "```sh" => Some(Language::Shell),
            other if other.starts_with("```") && other.len() > 3 => None,
            _ => continue,
        };
        let text: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
        snippets.extend(language.map(|language| (number + 2, language, text.join("\n"))));
    }
    snippets
}

#[tokio::test(flavor = "multi_thread")]
async fn its_snippets_print_the_alerts_that_are_raised() {
    let app = App::start().await;
    let operator = app.operator().await;
    let page = std::fs::read_to_string(root().join("docs/guide/clients.md")).expect("the guide can be read");
    // Those of MQTT need a broker, and have a test of their own.
    let page = page.split("\n## MQTT").next().expect("a part before it").to_owned();
    let snippets = snippets(&page);
    assert!(snippets.len() >= 8, "{}", snippets.len());
    let environment = [("GATEHOUSE", app.base_url()), ("TOKEN", operator.token())];
    let mut running = Vec::new();
    for (line, language, text) in snippets {
        running.push((line, Program::start(language, &format!("clients.md:{line}"), &text, &[], &environment).await));
    }
    let message = unique("mind the step");
    let telling = async {
        loop {
            raise(&operator, &message, json!({ "site": "somnath" })).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let hearing = futures::future::join_all(running.iter_mut().map(|(number, program)| {
        let message = &message;
        async move {
            while let Some(line) = program.line(STARTED).await {
                if line.contains(message.as_str()) {
                    return None;
                }
            }
            Some(*number)
        }
    }));
    let silent = tokio::select! {
        silent = hearing => silent,
        () = telling => unreachable!("it has no end"),
    };
    let silent: Vec<_> = silent.into_iter().flatten().collect();
    assert!(silent.is_empty(), "these snippets print no alert: lines {silent:?}");
}
