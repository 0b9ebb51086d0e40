//! The command as users and scripts meet it: arguments, streams, exit statuses, files on disk.

mod archives;
#[cfg(target_os = "linux")]
mod calls;
mod compare;
#[cfg(unix)]
mod crash;
mod damage;
#[cfg(unix)]
mod equal;
#[cfg(target_os = "linux")]
mod faults;
mod filter;
mod fresh;
#[cfg(unix)]
mod held;
mod hostile;
mod index;
mod life;
mod odd_files;
#[cfg(target_os = "linux")]
mod power;
#[cfg(unix)]
mod privacy;
#[cfg(target_os = "linux")]
mod replay;
mod search;
mod setup;
mod small;
mod streams;
