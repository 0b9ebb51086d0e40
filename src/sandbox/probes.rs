//! The forbidden calls, tried: what a sandbox says of itself is worth what these say of it.
//!
//! Each call has arguments that can't succeed (a descriptor of -1, a path at address 0). The kernel of an
//! unconfined process gets as far as saying so; a confined one's refuses before it looks. So trying is free of
//! harm, and without the sandbox every probe must come back as not refused.

/// One forbidden call.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What was tried.
    pub name: String,
    /// Whether the kernel refused it.
    pub refused: bool,
}

/// Tries all, from the calling thread; and, where this process `decodes`, what such a process may not do either.
pub fn probe(decodes: bool) -> Vec<Probe> {
    #[cfg(target_os = "linux")]
    return linux::probe(decodes);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = decodes;
        Vec::new()
    }
}

/// Where the calls are tried that a process may not make which decodes.
#[cfg(target_os = "linux")]
pub use linux::Decoding;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};

    use libc::c_long;

    use super::Probe;
    use crate::sandbox::worker::{Bench, Bounds, Message, Worker};
    use crate::sandbox::{Policy, Posture, STDIN, descriptor};

    /// A descriptor that is none.
    const BAD: c_long = -1;
    /// A process that is none: beyond the largest number that Linux gives.
    const NOBODY: c_long = 0x7fff_fff0;
    const NULL: c_long = 0;

    /// Name, call, and arguments that can't succeed.
    type Call = (&'static str, c_long, [c_long; 5]);

    const CALLS: &[Call] = &[
        ("socket", libc::SYS_socket, [BAD, 0, 0, 0, 0]),
        ("socketpair", libc::SYS_socketpair, [BAD, 0, 0, NULL, 0]),
        ("connect", libc::SYS_connect, [BAD, NULL, 0, 0, 0]),
        ("bind", libc::SYS_bind, [BAD, NULL, 0, 0, 0]),
        ("listen", libc::SYS_listen, [BAD, 0, 0, 0, 0]),
        ("accept4", libc::SYS_accept4, [BAD, NULL, NULL, 0, 0]),
        ("sendto", libc::SYS_sendto, [BAD, NULL, 0, 0, NULL]),
        ("sendmsg", libc::SYS_sendmsg, [BAD, NULL, 0, 0, 0]),
        ("sendmmsg", libc::SYS_sendmmsg, [BAD, NULL, 0, 0, 0]),
        ("setsockopt", libc::SYS_setsockopt, [BAD, 0, 0, NULL, 0]),
        ("execve", libc::SYS_execve, [NULL, NULL, NULL, 0, 0]),
        ("execveat", libc::SYS_execveat, [BAD, NULL, NULL, NULL, 0]),
        ("a new process", libc::SYS_clone, [libc::CLONE_SIGHAND as c_long, NULL, NULL, NULL, NULL]),
        ("open for writing", libc::SYS_openat, [BAD, NULL, libc::O_WRONLY as c_long, 0, 0]),
        ("open for both", libc::SYS_openat, [BAD, NULL, libc::O_RDWR as c_long, 0, 0]),
        ("create a file", libc::SYS_openat, [BAD, NULL, libc::O_CREAT as c_long, 0, 0]),
        ("truncate on opening", libc::SYS_openat, [BAD, NULL, libc::O_TRUNC as c_long, 0, 0]),
        ("a file without a name", libc::SYS_openat, [BAD, NULL, libc::O_TMPFILE as c_long, 0, 0]),
        ("write elsewhere", libc::SYS_write, [BAD, NULL, 0, 0, 0]),
        ("writev elsewhere", libc::SYS_writev, [BAD, NULL, 0, 0, 0]),
        ("pwrite64", libc::SYS_pwrite64, [BAD, NULL, 0, 0, 0]),
        ("pwritev", libc::SYS_pwritev, [BAD, NULL, 0, 0, 0]),
        ("sendfile", libc::SYS_sendfile, [BAD, BAD, NULL, 0, 0]),
        ("copy a descriptor", libc::SYS_dup, [BAD, 0, 0, 0, 0]),
        ("copy one over a stream", libc::SYS_dup3, [BAD, libc::STDERR_FILENO as c_long, 0, 0, 0]),
        ("copy one to a free number", libc::SYS_fcntl, [BAD, libc::F_DUPFD as c_long, 0, 0, 0]),
        ("copy one otherwise", libc::SYS_fcntl, [BAD, libc::F_DUPFD_CLOEXEC as c_long, 0, 0, 0]),
        ("a descriptor of another", libc::SYS_pidfd_getfd, [BAD, 0, 0, 0, 0]),
        ("splice", libc::SYS_splice, [BAD, NULL, BAD, NULL, 1]),
        ("vmsplice", libc::SYS_vmsplice, [BAD, NULL, 0, 0, 0]),
        ("copy_file_range", libc::SYS_copy_file_range, [BAD, NULL, BAD, NULL, 0]),
        ("truncate", libc::SYS_truncate, [NULL, 0, 0, 0, 0]),
        ("ftruncate", libc::SYS_ftruncate, [BAD, 0, 0, 0, 0]),
        ("fallocate", libc::SYS_fallocate, [BAD, 0, 0, 1, 0]),
        ("rename", libc::SYS_renameat2, [BAD, NULL, BAD, NULL, 0]),
        ("unlink", libc::SYS_unlinkat, [BAD, NULL, 0, 0, 0]),
        ("mkdir", libc::SYS_mkdirat, [BAD, NULL, 0, 0, 0]),
        ("link", libc::SYS_linkat, [BAD, NULL, BAD, NULL, 0]),
        ("symlink", libc::SYS_symlinkat, [NULL, BAD, NULL, 0, 0]),
        ("mknod", libc::SYS_mknodat, [BAD, NULL, 0, 0, 0]),
        ("chmod", libc::SYS_fchmodat, [BAD, NULL, 0, 0, 0]),
        ("chown", libc::SYS_fchownat, [BAD, NULL, 0, 0, 0]),
        ("set times", libc::SYS_utimensat, [BAD, NULL, NULL, 0, 0]),
        ("set attributes", libc::SYS_fsetxattr, [BAD, NULL, NULL, 0, 0]),
        ("memory as a file", libc::SYS_memfd_create, [NULL, 0, 0, 0, 0]),
        ("memory as code", libc::SYS_mmap, [NULL, 0, libc::PROT_EXEC as c_long, libc::MAP_PRIVATE as c_long, BAD]),
        ("memory made code", libc::SYS_mprotect, [1, 0, libc::PROT_EXEC as c_long, 0, 0]),
        (
            "a file's memory to be written",
            libc::SYS_mmap,
            [NULL, 0, (libc::PROT_READ | libc::PROT_WRITE) as c_long, libc::MAP_SHARED as c_long, BAD],
        ),
        ("shared memory", libc::SYS_shmat, [BAD, NULL, 0, 0, 0]),
        ("a message queue", libc::SYS_msgsnd, [BAD, NULL, 0, 0, 0]),
        ("another's memory", libc::SYS_process_vm_writev, [NOBODY, NULL, 0, NULL, 0]),
        ("a debugger", libc::SYS_ptrace, [libc::PTRACE_ATTACH as c_long, NOBODY, 0, 0, 0]),
        ("a signal to another", libc::SYS_kill, [NOBODY, 0, 0, 0, 0]),
        ("a handle of another", libc::SYS_pidfd_open, [NOBODY, 0, 0, 0, 0]),
        ("watch files", libc::SYS_inotify_add_watch, [BAD, NULL, 0, 0, 0]),
        ("set a limit", libc::SYS_prlimit64, [NOBODY, 0, 1, NULL, 0]),
    ];

    /// What a process that decodes may not do either.
    const DECODING: &[Call] = &[
        (
            "a file's memory, shared",
            libc::SYS_mmap,
            [NULL, 0, libc::PROT_READ as c_long, libc::MAP_SHARED as c_long, BAD],
        ),
        (
            "the same, checked",
            libc::SYS_mmap,
            [NULL, 0, libc::PROT_READ as c_long, libc::MAP_SHARED_VALIDATE as c_long, BAD],
        ),
    ];

    pub fn probe(decodes: bool) -> Vec<Probe> {
        let call = |&(name, number, [a, b, c, d, e]): &Call| {
            // SAFETY: no argument leads anywhere: descriptors are -1, addresses are 0 with a length of 0 or are
            // looked at by the kernel alone, which answers EFAULT.
            let answer = unsafe { libc::syscall(number, a, b, c, d, e, 0) };
            let refused = answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
            Probe { name: name.to_owned(), refused }
        };
        let mut probes: Vec<_> = CALLS.iter().map(call).collect();
        let mut tried = |name: &str, refused| probes.push(Probe { name: name.to_owned(), refused });
        // And some as any program would write them, with arguments that do succeed.
        let denied =
            |error: Option<std::io::Error>| error.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied);
        tried("TCP to this machine", denied(TcpStream::connect("127.0.0.1:9").err()));
        tried("UDP", denied(UdpSocket::bind("127.0.0.1:0").err()));
        tried("read another folder", denied(std::fs::read_dir("/").err()));
        tried("read another file", denied(std::fs::read("/proc/self/cmdline").err()));
        tried("write to a device", denied(std::fs::OpenOptions::new().write(true).open("/dev/null").err()));
        if decodes {
            tried("a thread", denied(std::thread::Builder::new().spawn(|| {}).err()));
            tried("write to stdin by its memory", denied(write_to_stdin().err()));
            probes.extend(DECODING.iter().map(call));
        }
        probes
    }

    /// Where stdin is a file that was opened for both, it can be written without a call that writes: mapped to be read, then
    /// made writable.
    fn write_to_stdin() -> std::io::Result<()> {
        const LENGTH: usize = 1;
        let failed = std::io::Error::last_os_error;
        // SAFETY: a new mapping, at an address of the kernel's choice; it is never read or written, and removed here.
        unsafe {
            let map =
                libc::mmap(std::ptr::null_mut(), LENGTH, libc::PROT_READ, libc::MAP_SHARED, libc::STDIN_FILENO, 0);
            if map == libc::MAP_FAILED {
                return Err(failed());
            }
            let made = libc::mprotect(map, LENGTH, libc::PROT_READ | libc::PROT_WRITE);
            let made = if made == -1 { Err(failed()) } else { Ok(()) };
            libc::munmap(map, LENGTH);
            made
        }
    }

    /// A worker as it decodes a query from stdin, which tries the forbidden calls.
    pub struct Decoding(Worker);

    impl Decoding {
        /// Forks it. To be called while this process has one thread.
        ///
        /// # Errors
        /// As [`Worker::start`].
        pub fn start() -> std::io::Result<Self> {
            let stdin = || [STDIN.into()];
            let open = stdin().iter().filter_map(|path: &std::path::PathBuf| descriptor(path)).collect();
            let bounds = Bounds { memory: 1 << 30, time: std::time::Duration::ZERO, single: true, open };
            let serve = |bench: &Bench<'_>, _: Message| {
                let line = |probe: Probe| format!("{}{}\n", u8::from(probe.refused), probe.name);
                let lines: String = probe(true).into_iter().map(line).collect();
                // Fails where nobody waits for it any more.
                let _ = bench.send(bench.posture() as u8, lines.as_bytes());
            };
            Worker::start(bounds, move |_| stdin().into(), serve).map(Self)
        }

        /// What a process that talks to it needs.
        pub fn policy(&self) -> Policy {
            let (writable, open) = self.0.descriptors();
            Policy { writable, open, ..Policy::default() }
        }

        /// Tries them, in a process in this posture.
        ///
        /// # Errors
        /// Where it did not live to say so.
        pub fn probe(&mut self) -> std::io::Result<(Vec<Probe>, Posture)> {
            let failed = |failure: crate::sandbox::worker::Failure| std::io::Error::other(failure.to_string());
            self.0.ask(0, &[]).map_err(failed)?;
            let told = self.0.receive(1 << 16).map_err(failed)?;
            let text = String::from_utf8_lossy(&told.content);
            let of = |line: &str| {
                let name = line.get(1..).unwrap_or_default();
                Probe { name: format!("{name}, where pictures are decoded"), refused: line.starts_with('1') }
            };
            Ok((text.lines().map(of).collect(), Posture::from_number(told.tag)))
        }
    }
}
