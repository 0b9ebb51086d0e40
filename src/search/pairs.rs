//! Raw files and the pictures that the camera wrote beside them: one shot, told once.

use std::collections::HashMap;

use super::Match;
use crate::decode::Format;
use crate::locator::Locator;

/// The two sorts of files of a shot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Raw,
    Developed,
}

fn sort(found: &Match) -> Option<Sort> {
    match Format::from_name(found.format)? {
        format if format.is_raw() => Some(Sort::Raw),
        Format::Jpeg | Format::Heic => Some(Sort::Developed),
        _ => None,
    }
}

/// The place without its extension: that of one shot is the same.
fn shot(place: &Locator) -> Locator {
    match place {
        Locator::Path(path) => Locator::Path(path.with_extension("")),
        // No camera writes these.
        Locator::Url(_) | Locator::Page { .. } => place.clone(),
        Locator::Inside { archive, names } => {
            let mut names = names.clone();
            if let Some(name) = names.last_mut() {
                let start = name.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
                let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > start);
                name.truncate(dot.unwrap_or(name.len()));
            }
            Locator::Inside { archive: archive.clone(), names }
        }
    }
}

/// Of two matches, best first, that are the raw file and the JPEG or HEIC of one shot, the better one stays and names
/// the other. A match has one partner at most.
pub(super) fn join(matches: &mut Vec<Match>) {
    // By shot: which stays, its sort, and whether it has a partner.
    let mut kept: HashMap<Locator, Vec<(usize, Sort)>> = HashMap::new();
    let mut joined: Vec<Match> = Vec::with_capacity(matches.len());
    for found in matches.drain(..) {
        if let Some(of) = sort(&found) {
            let alone = kept.entry(shot(&found.source)).or_default();
            let partner = alone.iter().position(|&(_, other)| other != of).map(|i| alone.swap_remove(i).0);
            if let Some(better) = partner.and_then(|i| joined.get_mut(i)) {
                better.pair = Some(found.source);
                continue;
            }
            alone.push((joined.len(), of));
        }
        joined.push(found);
    }
    *matches = joined;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locator::Stamp;
    use crate::search::{Evidence, Kind};

    fn found(source: Locator, format: &'static str) -> Match {
        Match {
            source,
            score: 1.0,
            kind: Kind::Copy,
            transform: None,
            query_overlap: None,
            source_overlap: None,
            evidence: Evidence::default(),
            width: 1,
            height: 1,
            format,
            partial_data: false,
            metadata: Default::default(),
            shown: None,
            stamp: Stamp { bytes: 1, modified_ns: 0 },
            offline: false,
            pair: None,
        }
    }

    fn path(path: &str) -> Locator {
        Locator::from(std::path::Path::new(path))
    }

    fn joined(given: &[(Locator, &'static str)]) -> Vec<(String, Option<String>)> {
        let mut matches = given.iter().map(|(place, format)| found(place.clone(), format)).collect();
        join(&mut matches);
        let told = |found: Match| (found.source.to_string(), found.pair.map(|pair| pair.to_string()));
        matches.into_iter().map(told).collect()
    }

    #[test]
    fn the_raw_file_and_the_jpeg_of_one_shot_are_one_and_everything_else_stays_by_itself() {
        let told = joined(&[
            (path("/a/IMG_1.JPG"), "jpeg"),
            (path("/b/IMG_1.CR2"), "cr2"),
            (path("/a/IMG_1.png"), "png"),
            (path("/a/IMG_1.CR2"), "cr2"),
            (path("/a/IMG_1.jpeg"), "jpeg"),
            (path("/a/IMG_2.NEF"), "nef"),
            (path("/a/IMG_2.HEIC"), "heic"),
        ]);
        let expected = [
            ("/a/IMG_1.JPG", Some("/a/IMG_1.CR2")),
            ("/b/IMG_1.CR2", None),
            ("/a/IMG_1.png", None),
            ("/a/IMG_1.jpeg", None),
            ("/a/IMG_2.NEF", Some("/a/IMG_2.HEIC")),
        ];
        assert_eq!(told, expected.map(|(source, pair)| (source.to_owned(), pair.map(str::to_owned))));
    }

    #[test]
    fn shots_in_archives_are_joined_by_their_names_inside() {
        let inside = |archive: &str, name: &str| Locator::Inside {
            archive: archive.into(),
            names: vec![name.as_bytes().to_vec()],
        };
        let told = joined(&[
            (inside("/a.zip", "x.y/1.jpg"), "jpeg"),
            (inside("/b.zip", "x.y/1.dng"), "dng"),
            (inside("/a.zip", "x.y/1.dng"), "dng"),
            (inside("/a.zip", ".dng"), "dng"),
            (inside("/a.zip", ".jpg"), "jpeg"),
        ]);
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(told[0].1.as_deref(), Some("/a.zip!/x.y/1.dng"));
    }
}
