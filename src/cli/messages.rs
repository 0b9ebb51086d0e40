//! One line on stderr for each thing that went wrong.

use std::io::{self, Write};

use ris::report::escape;

/// `ris: subject: what is wrong`.
pub fn warning(error: &ris::Error) {
    line(&error.to_string());
}

/// The error that ends the command.
pub fn error(error: &anyhow::Error) {
    // The library's error says it all in one line; its causes are for `RUST_LOG`-like digging only.
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        if cause.is::<ris::Error>() {
            break;
        }
    }
    line(&text);
}

/// Whatever a name holds, a message is one line: control and bidirectional characters are escaped.
pub fn line(text: &str) {
    // Nobody left to tell if stderr is closed.
    let _ = writeln!(io::stderr().lock(), "ris: {}", escape::text(text));
}

/// Several lines, each without control characters.
pub fn block(text: &str) {
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "{}", escape::text(line));
    }
}
