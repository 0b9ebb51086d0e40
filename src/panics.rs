//! Runs what reads hostile bytes and is not ours so that its panic is an answer, not a crash, and prints nothing.
//!
//! The panic hook is one for the whole process and prints before the unwinding starts. So a hook is put
//! in front of it once, which keeps silent on a thread that is inside [`contained`] or is one of tantivy's, and hands
//! every other panic on.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether this thread is inside [`contained`].
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// How the names of tantivy's threads begin, on which a writer indexes and merges. It catches their panics, and they come
/// back as errors.
const THEIRS: [&str; 2] = ["thrd-tantivy-index", "merge_thread_"];

/// Puts the hook in front of the one that was there, once: before threads of tantivy's begin.
pub(crate) fn hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_theirs = |name: &str| THEIRS.iter().any(|start| name.starts_with(start));
            if !CONTAINED.get() && !thread::current().name().is_some_and(is_theirs) {
                next(info);
            }
        }));
    });
}

/// What `operation` returned, or `None` where it panicked.
pub(crate) fn contained<T>(operation: impl FnOnce() -> T) -> Option<T> {
    hook();
    let outer = CONTAINED.replace(true);
    // Unwind safe: what the operation had borrowed mutably is lost with it.
    let result = panic::catch_unwind(AssertUnwindSafe(operation)).ok();
    CONTAINED.set(outer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_is_none_and_the_thread_is_as_before() {
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| -> u8 { panic!("a decoder's bug") }), None);
        assert!(!CONTAINED.get());
        assert_eq!(contained(|| contained(|| -> u8 { panic!("inside") })), Some(None));
        assert!(!CONTAINED.get());
    }
}
