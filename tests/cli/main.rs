//! The command as users and scripts meet it: arguments, streams, exit statuses, files on disk.

mod archives;
mod compare;
#[cfg(unix)]
mod crash;
#[cfg(feature = "crawl")]
mod crawl;
mod damage;
mod filter;
mod fresh;
mod hostile;
mod index;
mod life;
mod many;
mod odd_files;
mod pages;
mod portable;
#[cfg(unix)]
mod privacy;
mod search;
mod setup;
#[cfg(feature = "crawl")]
mod site;
mod small;
mod streams;
#[cfg(all(unix, feature = "watch"))]
mod watch;
