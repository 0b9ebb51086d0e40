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
mod odd_files;
mod pages;
#[cfg(unix)]
mod privacy;
mod search;
mod setup;
mod small;
mod streams;
