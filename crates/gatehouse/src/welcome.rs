//! The last thing on the screen when `gatehouse up` has started: where the application is, and who can sign in.

use std::io::IsTerminal as _;
use std::path::Path;

use crate::app::App;
use crate::secrets;
use crate::seed::Credentials;

/// Prints it on standard output. Passwords are for a person at a terminal alone: what is piped may be a log, and names their file instead.
pub(crate) fn print(app: &App, credentials: Option<(&Path, &Credentials)>) {
    let address = app.base_url();
    if std::io::stdout().is_terminal() {
        println!("{}", frame(&lines(&address, &sign_in(app, credentials), credentials.map(|(_, credentials)| credentials))));
    } else {
        println!("{}", lines(&address, &sign_in(app, credentials), None).join("\n"));
    }
}

/// How to sign in, without a secret.
fn sign_in(app: &App, credentials: Option<(&Path, &Credentials)>) -> String {
    match credentials {
        Some((file, _)) => format!("with a user of {}", file.display()),
        None => format!(
            "as {} with the `admin_password` of {}",
            app.variable("admin_email").unwrap_or("the administrator"),
            app.state_dir().join(secrets::FILE).display(),
        ),
    }
}

/// The lines, with the users' passwords where they are given.
fn lines(address: &str, sign_in: &str, credentials: Option<&Credentials>) -> Vec<String> {
    let mut lines = vec![
        format!("Gatehouse serves {address}"),
        format!("  console   {address}/console/"),
        format!("  API       {address}/api/docs"),
        format!("  sign in   {sign_in}"),
    ];
    for (role, user) in credentials.iter().flat_map(|credentials| &credentials.users) {
        lines.push(format!("  {role:<9} {}   {}", user.email, user.password));
    }
    lines
}

/// The lines in a frame.
fn frame(lines: &[String]) -> String {
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let bar = "─".repeat(width + 2);
    let middle: String = lines.iter().map(|line| format!("│ {line:<width$} │\n")).collect();
    format!("┌{bar}┐\n{middle}└{bar}┘")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::User;

    #[test]
    fn only_a_person_at_a_terminal_reads_passwords() {
        let mut credentials = Credentials::default();
        let operator = User { email: "operator@demo.example".to_owned(), password: "abcde-fghij".to_owned() };
        credentials.users.insert("operator".to_owned(), operator);
        let framed = frame(&lines("http://127.0.0.1:3000", "with a user of the file", Some(&credentials)));
        let widths: Vec<_> = framed.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{framed}");
        assert!(framed.contains("operator@demo.example   abcde-fghij") && framed.contains("http://127.0.0.1:3000/console/"), "{framed}");
        assert!(!lines("http://127.0.0.1:3000", "with a user of the file", None).concat().contains("abcde"));
    }
}
