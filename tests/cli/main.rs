//! The command as users and scripts meet it: arguments, streams, exit statuses, files on disk.

mod archives;
mod compare;
mod fresh;
mod hostile;
mod index;
mod odd_files;
#[cfg(unix)]
mod privacy;
mod search;
mod setup;
mod streams;
