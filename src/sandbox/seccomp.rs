//! seccomp: a short list of system calls, and of their arguments, is allowed; all else answers EPERM.
//!
//! Never by killing: a libc of tomorrow tries a new call first and falls back to an old one, as it does on an
//! old kernel.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Policy;

type Rules = Vec<(i64, Vec<SeccompRule>)>;

/// Calls that do nothing outside of the process, whatever their arguments.
const INNER: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_setitimer,
    libc::SYS_sigaltstack,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_wait4,
];

/// The same, of processors that still have the calls of old.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] =
    &[libc::SYS_access, libc::SYS_arch_prctl, libc::SYS_lstat, libc::SYS_poll, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// Calls whose flags lie in memory, where a filter can't look. They are said not to exist, so that libc takes
/// the older calls, whose flags can be checked.
const UNCHECKABLE: &[i64] = &[libc::SYS_clone3, libc::SYS_openat2, libc::SYS_faccessat2];

/// Confines all threads. Tells what stands, or why nothing does.
pub fn filter(policy: &Policy) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("not enforced: {error}");
    let install = |program: &BpfProgram| seccompiler::apply_filter_all_threads(program);
    let programs = programs(policy).map_err(|error| told(&error))?;
    programs.iter().try_for_each(install).map_err(|error| told(&error))?;
    Ok("no network, no writing but of the answer, no other programs, no new code".into())
}

/// Two filters; of their answers the stricter counts.
fn programs(policy: &Policy) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let errno = |code: i32| SeccompAction::Errno(code.unsigned_abs());
    let missing: Rules = UNCHECKABLE.iter().map(|&call| (call, Vec::new())).collect();
    let missing = SeccompFilter::new(missing.into_iter().collect(), SeccompAction::Allow, errno(libc::ENOSYS), arch)?;
    let allowed =
        SeccompFilter::new(allowed(policy)?.into_iter().collect(), errno(libc::EPERM), SeccompAction::Allow, arch)?;
    Ok([missing.try_into()?, allowed.try_into()?])
}

fn allowed(policy: &Policy) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = [INNER, OLD, UNCHECKABLE].concat().into_iter().map(|call| (call, Vec::new())).collect();
    // A call and one argument that must be one of some values, of the bits under a mask.
    let masked = |argument: u8, mask: u64, value: u64| {
        SeccompRule::new(vec![SeccompCondition::new(argument, Length::Dword, Is::MaskedEq(mask), value)?])
    };
    let one_of = |argument: u8, values: &[u64]| {
        values.iter().map(|&value| masked(argument, u64::from(u32::MAX), value)).collect::<Result<Vec<_>, _>>()
    };
    let number = |value: i32| u64::from(value.unsigned_abs());

    // Opened for reading alone.
    let writing =
        libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_TMPFILE & !libc::O_DIRECTORY;
    rules.push((libc::SYS_openat, vec![masked(2, number(writing), number(libc::O_RDONLY))?]));
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, vec![masked(1, number(writing), number(libc::O_RDONLY))?]));

    let streams: Vec<u64> =
        [libc::STDOUT_FILENO, libc::STDERR_FILENO].iter().chain(&policy.writable).map(|&fd| number(fd)).collect();
    rules.push((libc::SYS_write, one_of(0, &streams)?));
    rules.push((libc::SYS_writev, one_of(0, &streams)?));

    // Memory that is never code.
    let code = number(libc::PROT_EXEC);
    // Nor is a file's memory written: it is not shared, or not to be written, and then its file was opened to be read. What
    // decodes shares none.
    let condition = |argument: u8, mask: u64| SeccompCondition::new(argument, Length::Dword, Is::MaskedEq(mask), 0);
    let private = SeccompRule::new(vec![condition(2, code)?, condition(3, number(libc::MAP_SHARED))?])?;
    let unwritten = SeccompRule::new(vec![condition(2, code | number(libc::PROT_WRITE))?])?;
    let mapped = if policy.decodes { vec![private] } else { vec![private, unwritten] };
    rules.push((libc::SYS_mmap, mapped));
    rules.push((libc::SYS_mprotect, vec![masked(2, code, 0)?]));

    // Threads, never processes.
    if !policy.decodes {
        let thread = number(libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND);
        rules.push((libc::SYS_clone, vec![masked(0, thread, thread)?]));
    }

    // Limits are read, never set.
    let null = SeccompCondition::new(2, Length::Qword, Is::Eq, 0)?;
    rules.push((libc::SYS_prlimit64, vec![SeccompRule::new(vec![null])?]));
    // A signal to oneself, which is how abort works.
    rules.push((libc::SYS_tgkill, one_of(0, &[u64::from(std::process::id())])?));
    rules.push((libc::SYS_prctl, one_of(0, &[libc::PR_SET_NAME, libc::PR_GET_NAME].map(number))?));
    // No copies: one that takes the number of a stream that was closed could be written.
    let flags = [libc::F_GETFD, libc::F_SETFD, libc::F_GETFL].map(number);
    rules.push((libc::SYS_fcntl, one_of(1, &flags)?));
    // The terminal's kind and size.
    rules.push((libc::SYS_ioctl, one_of(1, &[libc::TCGETS as u32, libc::TIOCGWINSZ as u32].map(u64::from))?));
    Ok(rules)
}
