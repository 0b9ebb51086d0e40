//! The forbidden calls, tried: what a sandbox says of itself is worth what these say of it.
//!
//! Each call has arguments that can't succeed (a descriptor of -1, a path at address 0). The kernel of an
//! unconfined process gets as far as saying so; a confined one's refuses before it looks. So trying is free of
//! harm, and without the sandbox every probe must come back as not refused.

/// One forbidden call.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What was tried.
    pub name: &'static str,
    /// Whether the kernel refused it.
    pub refused: bool,
}

/// Tries all, from the calling thread.
pub fn probe() -> Vec<Probe> {
    #[cfg(target_os = "linux")]
    return linux::probe();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};

    use libc::c_long;

    use super::Probe;

    /// A descriptor that is none.
    const BAD: c_long = -1;
    /// A process that is none: beyond the largest number that Linux gives.
    const NOBODY: c_long = 0x7fff_fff0;
    const NULL: c_long = 0;

    /// Name, call, and arguments that can't succeed.
    const CALLS: &[(&str, c_long, [c_long; 5])] = &[
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
        ("shared memory", libc::SYS_shmat, [BAD, NULL, 0, 0, 0]),
        ("a message queue", libc::SYS_msgsnd, [BAD, NULL, 0, 0, 0]),
        ("another's memory", libc::SYS_process_vm_writev, [NOBODY, NULL, 0, NULL, 0]),
        ("a debugger", libc::SYS_ptrace, [libc::PTRACE_ATTACH as c_long, NOBODY, 0, 0, 0]),
        ("a signal to another", libc::SYS_kill, [NOBODY, 0, 0, 0, 0]),
        ("a handle of another", libc::SYS_pidfd_open, [NOBODY, 0, 0, 0, 0]),
        ("watch files", libc::SYS_inotify_add_watch, [BAD, NULL, 0, 0, 0]),
        ("set a limit", libc::SYS_prlimit64, [NOBODY, 0, 1, NULL, 0]),
    ];

    pub fn probe() -> Vec<Probe> {
        let call = |&(name, number, [a, b, c, d, e]): &(&'static str, c_long, [c_long; 5])| {
            // SAFETY: no argument leads anywhere: descriptors are -1, addresses are 0 with a length of 0 or are
            // looked at by the kernel alone, which answers EFAULT.
            let answer = unsafe { libc::syscall(number, a, b, c, d, e, 0) };
            let refused = answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
            Probe { name, refused }
        };
        let mut probes: Vec<_> = CALLS.iter().map(call).collect();
        // And some as any program would write them, with arguments that do succeed.
        let denied =
            |error: Option<std::io::Error>| error.is_some_and(|error| error.kind() == ErrorKind::PermissionDenied);
        probes.push(Probe { name: "TCP to this machine", refused: denied(TcpStream::connect("127.0.0.1:9").err()) });
        probes.push(Probe { name: "UDP", refused: denied(UdpSocket::bind("127.0.0.1:0").err()) });
        let listed = std::fs::read_dir("/").err();
        probes.push(Probe { name: "read another folder", refused: denied(listed) });
        let read = std::fs::read("/proc/self/cmdline").err();
        probes.push(Probe { name: "read another file", refused: denied(read) });
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").err();
        probes.push(Probe { name: "write to a device", refused: denied(null) });
        probes
    }
}
