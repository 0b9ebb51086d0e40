//! The `ris` command.

fn main() {}
