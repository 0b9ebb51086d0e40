//! What is kept of each host of a crawl: its queue, what its robots.txt says, and how it is to be treated.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::source::web::Refusal;
use crate::source::web::manners::{Manners, Options};
use crate::source::web::robots::Verdict;

/// Of more hosts nothing is kept but while there is something to ask them for: what one says may be half a megabyte, and
/// pictures of one site may stand on any number of hosts. A host that comes up again is asked for its robots.txt again.
pub(super) const HOSTS: usize = 1_000;

/// The hosts of a crawl.
pub(super) struct Hosts {
    /// Of each host the places of its addresses in the ledger; no queue is empty for long.
    pub queues: HashMap<String, VecDeque<u64>>,
    /// What each host's robots.txt says, or why it can't be had: then nothing is asked of the host in this run.
    pub verdicts: HashMap<String, Result<Verdict, Refusal>>,
    pub manners: Manners,
}

impl Hosts {
    pub fn new(options: Options) -> Self {
        Self { queues: HashMap::new(), verdicts: HashMap::new(), manners: Manners::new(options) }
    }

    /// Gives back what is kept of hosts that there is nothing to ask for, where there are verdicts on more than `most`. Of
    /// a host that has had enough its manners stay, so that it is not asked again: some 200 bytes.
    pub fn forget(&mut self, most: usize, now: Instant) {
        if self.verdicts.len() <= most {
            return;
        }
        self.manners.forget(now);
        self.queues.retain(|_, queue| !queue.is_empty());
        let (queues, manners) = (&self.queues, &self.manners);
        self.verdicts.retain(|host, _| queues.contains_key(host) || manners.is_asked(host));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::web::manners::{Next, Outcome, Standing};

    const QUICK: Outcome = Outcome::Answered { elapsed: Duration::ZERO };

    /// Hosts of which each was asked for its robots.txt and one picture.
    fn asked(count: usize, now: Instant) -> Hosts {
        let mut hosts = Hosts::new(Options::default());
        for n in 0..count {
            let host = format!("host{n}.example");
            assert!(hosts.manners.add(&host, now));
            assert_eq!(hosts.manners.next(now), Next::Ready(host.clone()));
            hosts.manners.set_crawl_delay(&host, Duration::from_secs(2));
            hosts.verdicts.insert(host.clone(), Ok(Verdict::All));
            hosts.queues.insert(host.clone(), VecDeque::new());
            assert_eq!(hosts.manners.finished(&host, QUICK, false, now), Standing::Good);
        }
        hosts
    }

    #[test]
    fn many_hosts_are_forgotten_but_for_those_that_are_asked_have_work_or_have_had_enough() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(10));
        let mut hosts = asked(100, now);
        hosts.manners.add("host1.example", later);
        hosts.queues.entry("host1.example".into()).or_default().push_back(7);
        hosts.manners.add("host2.example", later);
        let Next::Ready(under_way) = hosts.manners.next(later) else { panic!("nobody is ready") };
        let failed = Outcome::Failed { retry_after: Some(Duration::from_secs(86_400)) };
        assert!(matches!(hosts.manners.finished("host3.example", failed, false, later), Standing::GivenUp(_)));
        hosts.forget(100, later);
        assert_eq!((hosts.verdicts.len(), hosts.queues.len()), (100, 100), "so many are kept");
        hosts.forget(99, later);
        let mut kept: Vec<_> = hosts.verdicts.keys().map(String::as_str).collect();
        kept.sort_unstable();
        assert!(kept.contains(&"host1.example") && kept.contains(&under_way.as_str()) && kept.len() <= 2, "{kept:?}");
        assert_eq!(hosts.queues.keys().collect::<Vec<_>>(), ["host1.example"]);
        assert!(hosts.manners.is_given_up("host3.example") && !hosts.manners.add("host3.example", later));
    }
}
