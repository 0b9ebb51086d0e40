//! What the ledger holds, forgets and notices.

use std::fs;

use super::*;

fn queued(url: &str, start: u32) -> Queued {
    Queued { url: url.into(), kind: Kind::Page, depth: 1, hops: 0, start, listed: false, by_robots: false, shown: None }
}

fn done(url: &str, start: u32) -> Done {
    Done { url: url.into(), start, picture: true, ..Done::default() }
}

#[test]
fn what_is_committed_comes_back_and_what_is_behind_it_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), None).unwrap();
    let start = ledger.begin("http://a/").unwrap();
    let places: Vec<_> =
        ["http://a/1", "http://a/2", "http://a/3"].map(|url| ledger.queue(queued(url, start)).unwrap().unwrap()).into();
    assert_eq!(ledger.queue(queued("http://a/2", start)).unwrap(), None, "met already");
    ledger.finish(done("http://a/1", start)).unwrap();
    let committed = ledger.sync().unwrap();
    assert_eq!(committed.pending, 2);
    ledger.finish(done("http://a/2", start)).unwrap();
    ledger.flush().unwrap();
    drop(ledger);
    let mut again = Ledger::open(folder.path(), Some(&committed)).unwrap();
    assert_eq!(again.pending_of(&[start]).unwrap(), places[1..]);
    assert_eq!(again.queued(places[1]).unwrap(), Some(queued("http://a/2", start)));
    assert_eq!(again.queued(places[0]).unwrap(), None, "fetched");
    assert_eq!(again.last("http://a/1").unwrap(), Some(done("http://a/1", start)));
    assert_eq!(again.begin("http://a/").unwrap(), start, "it goes on");
    assert!(again.is_met("http://a/1", start));
}

#[test]
fn a_crawl_that_begins_anew_has_met_nothing_and_knows_what_it_fetched_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), None).unwrap();
    let (a, b) = (ledger.begin("http://a/").unwrap(), ledger.begin("http://b/").unwrap());
    for (url, start) in [("http://a/1", a), ("http://a/2", a), ("http://b/1", b)] {
        ledger.queue(queued(url, start)).unwrap();
        ledger.finish(done(url, start)).unwrap();
    }
    ledger.compact().unwrap();
    assert_eq!(ledger.begin("http://a/").unwrap(), a);
    assert!(!ledger.is_met("http://a/1", a) && ledger.last("http://a/1").unwrap().is_some());
    ledger.rest("b", u64::MAX).unwrap();
    ledger.rest("c", 7).unwrap();
    ledger.compact().unwrap();
    assert_eq!(ledger.rests(0).collect::<Vec<_>>(), [("b", u64::MAX)], "what is over is dropped");
    assert_eq!(ledger.begin("http://a/").unwrap(), a);
    ledger.queue(queued("http://a/1", a)).unwrap();
    ledger.finish(done("http://a/1", a)).unwrap();
    let pictures = ledger.pictures_of(a).unwrap();
    assert_eq!((pictures.met, pictures.unmet), (1, vec!["http://a/2".to_owned()]));
    ledger.forget("http://a/2").unwrap();
    let committed = ledger.sync().unwrap();
    let mut again = Ledger::open(folder.path(), Some(&committed)).unwrap();
    assert!(again.pictures_of(a).unwrap().unmet.is_empty() && again.last("http://a/2").unwrap().is_none());
    assert!(again.last("http://b/1").unwrap().is_some(), "another crawl's stays");
}

#[test]
fn any_byte_that_is_changed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), None).unwrap();
    let start = ledger.begin("http://a/").unwrap();
    ledger.queue(queued("http://a/1", start)).unwrap();
    let committed = ledger.sync().unwrap();
    let path = ledger.path();
    assert!(verify(folder.path(), &committed).is_ok());
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 100);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert_eq!(verify(folder.path(), &committed).unwrap_err().kind(), ErrorKind::Damaged, "byte {at}");
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(verify(folder.path(), &committed).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn a_ledger_of_another_crawl_in_its_place_is_no_ledger_of_this_commit() {
    let folder = tempfile::tempdir().unwrap();
    let commit = |urls: &[&str]| {
        let mut ledger = Ledger::open(folder.path(), None).unwrap();
        for url in urls {
            ledger.begin(url).unwrap();
        }
        (ledger.sync().unwrap(), fs::read(ledger.path()).unwrap(), ledger.path())
    };
    let (other, bytes, _) = commit(&["http://b/"]);
    let (committed, own, path) = commit(&["http://a/"]);
    assert_eq!((other.length, &other.name), (committed.length, &committed.name));
    fs::write(&path, bytes).unwrap();
    assert_eq!(verify(folder.path(), &committed).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(Ledger::open(folder.path(), Some(&committed)).err().unwrap().kind(), ErrorKind::Damaged);
    fs::write(&path, own).unwrap();
    assert!(Ledger::open(folder.path(), Some(&committed)).is_ok());
}

#[cfg(unix)]
#[test]
fn what_is_added_to_a_ledger_with_hard_links_does_not_show_under_its_other_names() {
    let place = tempfile::tempdir().unwrap();
    let (folder, backup) = (place.path().join("idx"), place.path().join("backup"));
    fs::create_dir(&folder).unwrap();
    let mut ledger = Ledger::open(&folder, None).unwrap();
    let start = ledger.begin("http://a/").unwrap();
    let committed = ledger.sync().unwrap();
    fs::hard_link(ledger.path(), &backup).unwrap();
    drop(ledger);
    let before = fs::read(&backup).unwrap();
    let mut again = Ledger::open(&folder, Some(&committed)).unwrap();
    again.queue(queued("http://a/1", start)).unwrap();
    let committed = again.sync().unwrap();
    assert_eq!(fs::read(&backup).unwrap(), before);
    assert!(verify(&folder, &committed).is_ok());
    assert!(Ledger::open(&folder, Some(&committed)).unwrap().is_met("http://a/1", start));
}

#[test]
fn a_ledger_that_is_said_to_end_within_its_first_words_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(folder.path(), None).unwrap();
    ledger.begin("h/").unwrap();
    let committed = ledger.sync().unwrap();
    drop(ledger);
    for length in 0..MAGIC.len() as u64 {
        let cut = Committed { length, ..committed.clone() };
        assert!(Ledger::open(folder.path(), Some(&cut)).is_err(), "{length}");
        assert!(verify(folder.path(), &cut).is_err(), "{length}: what a writer refuses has a remedy");
    }
    assert!(Ledger::open(folder.path(), Some(&committed)).is_ok());
}
