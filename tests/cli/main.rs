//! The command as users and scripts meet it: arguments, streams, exit statuses, files on disk.

#[cfg(feature = "crawl")]
mod again;
mod archives;
#[cfg(target_os = "linux")]
mod batches;
#[cfg(target_os = "linux")]
mod bombs;
#[cfg(target_os = "linux")]
mod calls;
mod compare;
#[cfg(target_os = "linux")]
mod craft;
#[cfg(target_os = "linux")]
mod crafted;
#[cfg(unix)]
mod crash;
#[cfg(feature = "crawl")]
mod crawl;
#[cfg(target_os = "linux")]
mod crawled;
mod damage;
mod documented;
#[cfg(unix)]
mod equal;
mod exchanged;
#[cfg(target_os = "linux")]
mod faults;
mod filter;
mod fresh;
mod golden;
#[cfg(unix)]
mod held;
mod hostile;
#[cfg(unix)]
mod impostor;
mod index;
#[cfg(feature = "crawl")]
mod inherited;
mod life;
#[cfg(feature = "crawl")]
mod manners;
mod many;
#[cfg(feature = "crawl")]
mod named;
mod odd_files;
#[cfg(unix)]
mod owner;
mod pages;
mod portable;
#[cfg(target_os = "linux")]
mod power;
#[cfg(unix)]
mod privacy;
#[cfg(target_os = "linux")]
mod queries;
#[cfg(target_os = "linux")]
mod replay;
mod search;
mod setup;
#[cfg(feature = "crawl")]
mod site;
#[cfg(feature = "crawl")]
mod sitemaps;
mod small;
#[cfg(feature = "crawl")]
mod stopped;
#[cfg(unix)]
mod stranger;
mod streams;
#[cfg(target_os = "linux")]
mod takeover;
#[cfg(all(unix, feature = "watch"))]
mod watch;
