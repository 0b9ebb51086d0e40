//! The features of one picture as a file keeps them: read whole, where a picture is a candidate.
//!
//! ```text
//! count      u16
//! thumbnail  a byte that says whether there is one, and 128 bytes if so
//! words      Elias-Fano: a bit string of `count` ones and 2^(20 - low) zeros that says how many words have each upper part,
//!            filled up to a byte
//! features   low + 27 + 46 bits each: the word's lower part, geometry, signature; filled up to a byte
//! ```
//!
//! Features stand in the order of their words, so that a word takes 13 to 14 of its 20 bits (Elias, "Efficient storage and
//! retrieval by content and address of static files", 1974): 11 bytes a feature all in. How long all of it is follows from
//! the count and the thumbnail.

use super::bits::{BitReader, BitWriter};
use super::vocabulary::{SIGNATURE_BITS, WORD_BITS};
use super::{Entry, Sketch, THUMBNAIL, geometry};

/// What a thumbnail takes at most, with the count before it.
const HEAD: usize = 3;

/// Bits of a word that stand with its feature, where a picture has `count`.
fn low_bits(count: usize) -> u32 {
    WORD_BITS.saturating_sub(count.max(1).next_power_of_two().trailing_zeros())
}

/// Bytes of the bit string that counts upper parts of words.
fn upper_bytes(count: usize) -> usize {
    (count + (1 << (WORD_BITS - low_bits(count)))).div_ceil(8)
}

fn feature_bits(count: usize) -> u32 {
    low_bits(count) + geometry::BITS + SIGNATURE_BITS
}

/// A picture's features, ready to be written. Those beyond 65,535 are left out.
pub fn pack(sketch: &Sketch) -> Vec<u8> {
    let mut entries = sketch.entries.clone();
    entries.sort_unstable();
    entries.truncate(usize::from(u16::MAX));
    let (count, low) = (entries.len(), low_bits(entries.len()));
    let mut bytes = (count as u16).to_le_bytes().to_vec();
    let thumbnail = sketch.thumbnail.first_chunk::<THUMBNAIL>();
    bytes.push(thumbnail.is_some().into());
    bytes.extend(thumbnail.into_iter().flatten());
    if count == 0 {
        return bytes;
    }
    let (mut uppers, mut features) = (BitWriter::default(), BitWriter::default());
    let mut upper = 0;
    for Entry { word, geometry, signature } in entries {
        let own = word >> low;
        // A one for each feature, a zero for each step to the next upper part.
        uppers.put_unary((own - upper).into());
        upper = own;
        features.put(u64::from(word), low);
        features.put(u64::from(geometry), geometry::BITS);
        features.put(signature, SIGNATURE_BITS);
    }
    let mut uppers = uppers.finish();
    uppers.resize(upper_bytes(count), 0);
    bytes.extend(uppers);
    bytes.extend(features.finish());
    bytes
}

/// What [`pack`] wrote, as it stands in a file.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    count: usize,
    thumbnail: &'a [u8],
    uppers: &'a [u8],
    features: &'a [u8],
}

impl<'a> Packed<'a> {
    /// `None` where these bytes are not exactly what was written of some picture.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&[a, b, has_thumbnail], rest) = bytes.split_first_chunk::<HEAD>()?;
        let count = usize::from(u16::from_le_bytes([a, b]));
        let (thumbnail, rest) = rest.split_at_checked(match has_thumbnail {
            0 => 0,
            1 => THUMBNAIL,
            _ => return None,
        })?;
        if count == 0 {
            return rest.is_empty().then_some(Self { count, thumbnail, uppers: &[], features: &[] });
        }
        let (uppers, features) = rest.split_at_checked(upper_bytes(count))?;
        let whole = features.len() == (count * feature_bits(count) as usize).div_ceil(8);
        whole.then_some(Self { count, thumbnail, uppers, features })
    }

    /// How many features there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Features in the order of their words; fewer than there should be where the words make no sense.
    #[inline(always)]
    pub fn entries(self) -> impl Iterator<Item = Entry> + 'a {
        let low = low_bits(self.count);
        let (mut uppers, mut features) = (BitReader::of(self.uppers), BitReader::of(self.features));
        let mut upper = 0u64;
        (0..self.count).map_while(move |_| {
            upper += uppers.take_unary()?;
            let lower = features.take(low);
            let geometry = features.take(geometry::BITS) as u32;
            let signature = features.take(SIGNATURE_BITS);
            let word = u32::try_from(upper << low | lower).ok().filter(|word| word >> WORD_BITS == 0)?;
            Some(Entry { word, geometry, signature })
        })
    }

    /// All that is kept of a picture of these sides.
    pub fn sketch(self, width: u16, height: u16) -> Sketch {
        Sketch { width, height, entries: self.entries().collect(), thumbnail: self.thumbnail.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn entry()(word in 0u32..1 << WORD_BITS, geometry in 0u32..1 << geometry::BITS, signature in any::<u64>()) -> Entry {
            Entry { word, geometry, signature: signature >> (64 - SIGNATURE_BITS) }
        }
    }

    proptest! {
        #[test]
        fn features_come_back_in_the_order_of_their_words(
            mut entries in prop::collection::vec(entry(), 0..500), has_thumbnail in any::<bool>()
        ) {
            let thumbnail = if has_thumbnail { (0..THUMBNAIL as u8).collect() } else { Vec::new() };
            let sketch = Sketch { width: 512, height: 384, entries: entries.clone(), thumbnail };
            let bytes = pack(&sketch);
            let packed = Packed::of(&bytes).unwrap();
            entries.sort_unstable();
            prop_assert_eq!(packed.sketch(512, 384), Sketch { entries, ..sketch });
            prop_assert!(Packed::of(&bytes[..bytes.len() - 1]).is_none());
            prop_assert!(Packed::of(&[&bytes[..], &[0]].concat()).is_none());
        }

        #[test]
        fn any_bytes_are_some_features_or_none(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Some(packed) = Packed::of(&bytes) {
                prop_assert!(packed.entries().count() <= packed.count());
            }
        }
    }
}
