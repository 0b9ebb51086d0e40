//! The command as users and scripts meet it: arguments, streams, exit statuses, files on disk.

mod archives;
mod compare;
#[cfg(unix)]
mod crash;
mod damage;
mod fresh;
mod hostile;
mod index;
mod life;
mod many;
mod odd_files;
mod portable;
#[cfg(unix)]
mod privacy;
mod search;
mod setup;
mod small;
mod streams;
#[cfg(all(unix, feature = "watch"))]
mod watch;
