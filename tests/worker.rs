//! Workers that do harm, and who works on beside them. A process with one thread: the harness of other tests has several.

#![allow(unsafe_code, reason = "system calls")]

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::hint::black_box;
    use std::io;
    use std::time::Duration;

    use ris::sandbox::worker::{Bench, Bounds, Failure, Message, Worker};
    use ris::sandbox::{self, Policy};

    const MIB: usize = 1 << 20;
    /// Tags of requests; an answer's is 0.
    const NUMBER: u8 = 1;
    const PATIENCE: Duration = Duration::from_millis(300);

    type Case = (&'static str, fn());

    pub fn main() {
        let cases: [Case; 12] = [
            ("a worker takes one task after the other or one alone", each_by_its_own_or_all_by_one),
            ("a loop without end is stopped by its processor time", a_loop_is_stopped),
            ("a sleep without end is stopped by the clock", a_sleep_is_stopped),
            ("one that never stops talking is stopped by the clock", talk_is_stopped),
            ("what makes no sense is no answer, and the next is one", nonsense_is_no_answer),
            ("an abort, an overflow and a failed allocation end their worker alone", deaths_end_one),
            ("an answer that is too long is none", a_long_answer_is_none),
            ("who ends without an answer is no reason to wait", an_end_is_told),
            ("what is left behind is not taken for the next answer", nobody_speaks_for_the_next),
            ("memory that the parent reads is written by none but it", memory_is_the_parents),
            ("an unfinished worker ends with its parent's interest", a_drop_ends_it),
            // The last: the thread stays.
            ("nothing is forked or confined while other threads run", one_thread_is_asked_for),
        ];
        for (name, case) in cases {
            case();
            println!("test {name} ... ok");
        }
        println!("{} cases", cases.len());
    }

    fn bounds(single: bool) -> Bounds {
        Bounds { memory: 64 * MIB as u64, time: PATIENCE, single, open: Vec::new() }
    }

    fn start(single: bool, harm: impl Fn(&Bench<'_>, &Message)) -> Worker {
        let serve = move |bench: &Bench<'_>, first: Message| {
            let mut next = Ok(first);
            while let Ok(message) = next {
                if message.tag == NUMBER {
                    let _ = bench.send(0, &std::process::id().to_le_bytes());
                } else {
                    bench.begin();
                    harm(bench, &message);
                    bench.end();
                }
                if single {
                    return;
                }
                next = bench.receive();
            }
        };
        Worker::start(bounds(single), |_| Vec::new(), serve).unwrap()
    }

    fn asked(worker: &mut Worker, tag: u8) -> Result<Message, Failure> {
        worker.ask(tag, &[])?;
        worker.allow(PATIENCE * 10);
        worker.receive(MIB)
    }

    /// The number of the process that answers: the control of each case.
    fn number(worker: &mut Worker) -> u32 {
        let answer = asked(worker, NUMBER).unwrap();
        u32::from_le_bytes(answer.content.try_into().unwrap())
    }

    fn each_by_its_own_or_all_by_one() {
        for single in [true, false] {
            let mut worker = start(single, |_, _| {});
            let numbers = [number(&mut worker), number(&mut worker), number(&mut worker)];
            assert!(!numbers.contains(&std::process::id()), "{numbers:?}");
            assert_eq!(numbers[0] == numbers[1] && numbers[1] == numbers[2], !single, "{numbers:?}");
        }
    }

    /// Both kinds of workers do harm, and the next task is done by another process.
    fn harmed(harm: fn(&Bench<'_>, &Message), is_told: fn(&Failure) -> bool) {
        for single in [true, false] {
            let mut worker = start(single, harm);
            let before = number(&mut worker);
            let failure = asked(&mut worker, 2).unwrap_err();
            assert!(is_told(&failure), "{failure:?}");
            assert!(!worker.is_used());
            assert_ne!(number(&mut worker), before);
        }
    }

    fn a_loop_is_stopped() {
        harmed(
            |_, _| {
                let mut i = 0u64;
                while black_box(true) {
                    i = black_box(i.wrapping_add(1));
                }
            },
            |failure| matches!(failure, Failure::TooSlow),
        );
    }

    fn a_sleep_is_stopped() {
        harmed(|_, _| std::thread::sleep(Duration::from_secs(3600)), |failure| matches!(failure, Failure::TooSlow));
    }

    fn talk_is_stopped() {
        // Parts of a message that never ends, and what is no message at all.
        let talk: [fn(&Bench<'_>, &Message); 2] = [
            |bench, _| while bench.send(0, &[0; 2 * MIB]).is_ok() {},
            |_, _| loop {
                scribble(&[1, 2, 3]);
            },
        ];
        harmed(talk[0], |failure| matches!(failure, Failure::Senseless | Failure::TooSlow));
        harmed(talk[1], |failure| matches!(failure, Failure::TooSlow));
    }

    /// Writes to whatever can be written.
    fn scribble(bytes: &[u8]) -> usize {
        // SAFETY: plain numbers, and a pointer with its length; a number that is no descriptor is an error.
        (3..64).filter(|&fd| unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } > 0).count()
    }

    fn nonsense_is_no_answer() {
        let mut worker = start(true, |bench, message| {
            assert!(scribble(b"garbage") > 0, "nothing can be written");
            assert!(scribble(&[7; 4096]) > 0);
            let _ = bench.send(message.tag, b"sense");
        });
        // Beside garbage an answer is found; a tag that was not agreed on is for the caller to refuse.
        assert_eq!(asked(&mut worker, 5).unwrap(), Message { tag: 5, content: b"sense".to_vec() });
        worker.dismiss();
        number(&mut worker);
        let mut worker = start(false, |bench, _| {
            let _ = bench.send(3, b"no sense");
        });
        let before = number(&mut worker);
        assert_eq!(asked(&mut worker, 2).unwrap().tag, 3);
        assert_eq!(number(&mut worker), before);
        worker.dismiss();
        assert_ne!(number(&mut worker), before, "a worker that was dismissed goes on");
    }

    fn deaths_end_one() {
        fn deep(level: u64) -> u64 {
            let room = black_box([level; 512]);
            if black_box(level) == u64::MAX { 0 } else { deep(level + 1) + room[(level % 512) as usize] }
        }
        harmed(|_, _| std::process::abort(), |failure| matches!(failure, Failure::Died(libc::SIGABRT)));
        harmed(
            |_, _| assert_eq!(black_box(deep(0)), 1),
            |failure| matches!(failure, Failure::Died(libc::SIGABRT | libc::SIGSEGV)),
        );
        harmed(|_, _| drop(black_box(vec![1u8; 100 * MIB])), |failure| matches!(failure, Failure::Died(libc::SIGABRT)));
        // The control: within its bounds it lives.
        let mut worker = start(true, |bench, _| {
            drop(black_box(vec![1u8; 40 * MIB]));
            let _ = bench.send(0, b"done");
        });
        assert_eq!(asked(&mut worker, 2).unwrap().content, b"done");
    }

    fn a_long_answer_is_none() {
        harmed(|bench, _| drop(bench.send(0, &vec![0; MIB + 1])), |failure| matches!(failure, Failure::Senseless));
        let mut worker = start(true, |bench, _| drop(bench.send(0, &vec![9; MIB])));
        assert_eq!(asked(&mut worker, 2).unwrap().content, vec![9; MIB]);
    }

    fn an_end_is_told() {
        harmed(|_, _| std::process::exit(0), |failure| matches!(failure, Failure::Senseless));
    }

    fn nobody_speaks_for_the_next() {
        let mut worker = start(true, |bench, _| {
            let _ = bench.send(0, b"its own");
            // Goes on after its answer.
            while bench.send(0, b"another's").is_ok() {}
        });
        for _ in 0..20 {
            assert_eq!(asked(&mut worker, 2).unwrap().content, b"its own");
            number(&mut worker);
        }
    }

    fn memory_is_the_parents() {
        let mut worker = start(false, |bench, _| {
            let seen = bench.memory().is_ok_and(|memory| memory.iter().all(|&byte| byte == 7));
            let mut ways = 0u8;
            for fd in 3..64 {
                // SAFETY: plain numbers; a mapping that is made is written to, which is what must not be possible.
                unsafe {
                    let map = |access, kind| libc::mmap(std::ptr::null_mut(), 4096, access, kind, fd, 0);
                    let both = libc::PROT_READ | libc::PROT_WRITE;
                    let shared = [map(both, libc::MAP_SHARED), map(libc::PROT_READ, libc::MAP_SHARED)];
                    let open = shared.into_iter().filter(|&map| {
                        map != libc::MAP_FAILED && libc::mprotect(map, 4096, libc::PROT_READ | libc::PROT_WRITE) == 0
                    });
                    ways += open.count() as u8;
                    ways += u8::from(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) != -1);
                    ways += u8::from(libc::pwrite(fd, [1u8].as_ptr().cast(), 1, 0) > 0);
                    ways += u8::from(libc::ftruncate(fd, 0) == 0);
                }
            }
            let _ = bench.send(0, &[u8::from(seen), ways]);
        });
        let mut memory = worker.memory(4 * MIB).unwrap();
        memory.fill(7);
        assert_eq!(asked(&mut worker, 2).unwrap().content, [1, 0], "seen, and ways to write");
        assert!(memory.iter().all(|&byte| byte == 7));
    }

    fn a_drop_ends_it() {
        let mut worker = start(true, |bench, _| {
            let _ = bench.send(0, &std::process::id().to_le_bytes());
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let answer = asked(&mut worker, 2).unwrap();
        let process = u32::from_le_bytes(answer.content.try_into().unwrap());
        let lives = || std::path::Path::new(&format!("/proc/{process}")).exists();
        assert!(lives());
        drop(worker);
        assert!(!lives());
    }

    fn one_thread_is_asked_for() {
        let (wait, waits) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || waits.recv());
        let told = |error: io::Error| assert!(error.to_string().contains("2 threads"), "{error}");
        told(sandbox::enter(&Policy::default()).map(drop).unwrap_err());
        told(sandbox::apart(|| 0).map(drop).unwrap_err());
        told(sandbox::apart_writing(|_| 0).map(drop).unwrap_err());
        told(Worker::start(bounds(true), |_| Vec::new(), |_, _| {}).map(drop).unwrap_err());
        drop(wait);
        let _ = thread.join();
        // Its end is seen a moment later.
        while std::fs::read_dir("/proc/self/task").unwrap().count() > 1 {
            std::thread::yield_now();
        }
        // The control: once the thread is gone, all of it can be done. The last, since this process is confined then.
        assert_eq!(sandbox::apart(|| 7).unwrap(), 7);
        number(&mut start(true, |_, _| {}));
        sandbox::enter(&Policy::default()).unwrap();
    }
}
