//! Seeded chance and smooth noise that give the same numbers on every machine: whole numbers and the
//! four operations of floating point only.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// From `low` to below `high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1 << 24) as f32)
    }

    /// From 0 to below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() >> 33) as usize % count.max(1)
    }

    pub fn chance(&mut self, probability: f32) -> bool {
        self.range(0.0, 1.0) < probability
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A colour near another.
    pub fn near(&mut self, [r, g, b]: [f32; 3], spread: f32) -> [f32; 3] {
        let light = self.range(-spread, spread);
        [r, g, b].map(|v| v + light + self.range(-spread, spread) / 3.0)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Smooth noise, 0 to 1, with features of one unit.
pub fn noise(x: f32, y: f32, seed: u64) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let at = |dx: i64, dy: i64| {
        let key = (column as i64 + dx).wrapping_mul(0x1F1F_1F1F_1F1F) ^ (row as i64 + dy).wrapping_mul(0x5DEE_CE66D);
        (mix(key as u64 ^ seed.wrapping_mul(0x9E37_79B9)) >> 40) as f32 / (1 << 24) as f32
    };
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - column), smooth(y - row));
    let (top, bottom) = (at(0, 0) + (at(1, 0) - at(0, 0)) * u, at(0, 1) + (at(1, 1) - at(0, 1)) * u);
    top + (bottom - top) * v
}

/// Noise of several sizes, each half as large and half as strong as the last; 0 to 1.
pub fn fractal(x: f32, y: f32, octaves: u32, seed: u64) -> f32 {
    let (mut sum, mut total, mut strength, mut size) = (0.0, 0.0, 1.0, 1.0);
    for octave in 0..octaves {
        sum += strength * noise(x * size, y * size, seed + u64::from(octave) * 977);
        total += strength;
        strength *= 0.5;
        size *= 2.0;
    }
    sum / total
}

/// The sine of `turns` full turns, after Bhaskara I; off by 0.0017 at most.
pub fn sine(turns: f32) -> f32 {
    let turn = turns - turns.floor();
    let (half, sign) = if turn < 0.5 { (turn * 2.0, 1.0) } else { (turn * 2.0 - 1.0, -1.0) };
    let p = half * (1.0 - half);
    sign * 16.0 * p / (5.0 - 4.0 * p)
}

/// The cosine of `turns` full turns.
pub fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}
