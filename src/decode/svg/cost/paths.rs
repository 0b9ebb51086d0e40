//! What it takes to fill and to stroke an outline.
//!
//! Filling follows each edge from row to row and covers pixels; where edges are many, each pixel is its own. A stroke is
//! an outline of its own, of several points for each corner, curve and end; and each dash has two ends.

use resvg::tiny_skia::{PathSegment, Point, Transform};
use resvg::usvg::{LineCap, LineJoin, Paint, Path, Stroke};

use super::{Area, Canvas, Cost, PIXEL};

/// Nanoseconds of an edge, of a curve (at most 64 edges), and of a row in which an edge is followed: each counts
/// four times, for smooth edges.
const EDGE_TIME: u64 = 60;
const CURVE_TIME: u64 = 600;
const ROW_TIME: u64 = 40;
/// Nanoseconds of a covered pixel by its paint, of four stops of a gradient at it, and of one that is covered in part.
const PLAIN_TIME: u64 = 3;
const GRADIENT_TIME: u64 = 12;
const STOPS_TIME: u64 = 1;
const TILE_TIME: u64 = 60;
const PART_TIME: u64 = 40;
/// Nanoseconds of a pixel of the thinnest lines.
const HAIR_TIME: u64 = 100;
/// Bytes of an edge while it is followed, and nanoseconds and bytes of a point of a stroke's outline.
const EDGE_BYTES: u64 = 80;
const POINT_TIME: u64 = 40;
const POINT_BYTES: u64 = 40;
/// Points of a stroke's outline at each corner and end: flat, and round.
const FLAT: u64 = 8;
const ROUND: u64 = 24;
/// The renderer draws no line of more dashes.
const DASHES_MAX: f32 = 1e6;

/// What it takes to draw a path.
pub(super) fn cost(canvas: Canvas, path: &Path, transform: Transform) -> Cost {
    let lines = Lines::of(canvas, path.data(), transform);
    let mut cost = Cost::default();
    if let Some(fill) = path.fill() {
        let shade = shade(canvas, fill.paint(), transform);
        cost = cost.then(shade.then(lines.filled(canvas, pixel_time(fill.paint())).within(shade.bytes)));
    }
    if let Some(stroke) = path.stroke() {
        let shade = shade(canvas, stroke.paint(), transform);
        cost = cost.then(shade.then(lines.stroked(canvas, stroke, transform).within(shade.bytes)));
    }
    cost
}

/// What it takes to make the outline of the stroke of a path that reaches so far, in units of which a fraction is seen.
pub(in crate::decode::svg) fn outline(corners: u64, curves: u64, is_round: bool, reach: f32, width: f32) -> Cost {
    let corner = if is_round { ROUND } else { FLAT };
    let points = corners.saturating_mul(corner).saturating_add(curves.saturating_mul(parts(reach, width)));
    Cost::per_pixel(points, POINT_BYTES, POINT_TIME)
}

/// The points, at most, of one curve's stroke: as many as it takes to be exact to a fraction of a unit. Where numbers of
/// that size are not as exact themselves, it is divided until nothing is left to divide. Measured.
fn parts(reach: f32, width: f32) -> u64 {
    const MOST: f32 = 1.2e7;
    let is_exact = reach < 2e4 * width.sqrt() && reach < 2e6 && width < 2e6;
    let points =
        if is_exact { 24.0 + 10.0 * (1.0 + width).log2() } else { 1e4 + 4.0 * (reach.max(width) * width).sqrt() };
    // `min` takes the number where the other is none.
    points.min(MOST) as u64
}

/// What it takes to make what a path is painted with: a tile, or the stops of a gradient.
fn shade(canvas: Canvas, paint: &Paint, transform: Transform) -> Cost {
    match paint {
        Paint::Color(_) => Cost::default(),
        Paint::LinearGradient(gradient) => Cost::per_pixel(gradient.stops().len() as u64, 64, 40),
        Paint::RadialGradient(gradient) => Cost::per_pixel(gradient.stops().len() as u64, 64, 40),
        Paint::Pattern(pattern) => {
            let (across, down) = transform.pre_concat(pattern.transform()).get_scale();
            let (width, height) = (pattern.rect().width() * across, pattern.rect().height() * down);
            let area = Area { left: 0.0, top: 0.0, right: width.round(), bottom: height.round() };
            let tile = Canvas { area, ..canvas };
            let empty = Cost::per_pixel(area.pixels(), PIXEL, PLAIN_TIME);
            tile.children(pattern.root(), Transform::from_scale(across, down)).within(empty.bytes).then(empty)
        }
    }
}

fn pixel_time(paint: &Paint) -> u64 {
    match paint {
        Paint::Color(_) => PLAIN_TIME,
        Paint::LinearGradient(gradient) => GRADIENT_TIME + STOPS_TIME * gradient.stops().len() as u64 / 4,
        Paint::RadialGradient(gradient) => GRADIENT_TIME + STOPS_TIME * gradient.stops().len() as u64 / 4,
        Paint::Pattern(_) => TILE_TIME,
    }
}

/// The lines and curves of a path, as they lie among the pixels.
struct Lines {
    lines: u64,
    curves: u64,
    corners: u64,
    /// Rows in which a line is followed, and pixels along it, within what is drawn onto; all lines together.
    rows: f32,
    within: f32,
    /// In the drawing's units, of any length.
    length: f32,
    bounds: Area,
    /// The largest coordinate.
    reach: f32,
}

impl Lines {
    fn of(canvas: Canvas, path: &resvg::tiny_skia::Path, transform: Transform) -> Self {
        let everywhere = canvas.area;
        let bounds = path.bounds().transform(transform).map_or(everywhere, Area::of);
        let mut lines =
            Self { lines: 0, curves: 0, corners: 0, rows: 0.0, within: 0.0, length: 0.0, bounds, reach: 0.0 };
        let (mut start, mut last) = (Point::zero(), Point::zero());
        for segment in path.segments() {
            let (points, count, is_curve) = match segment {
                PathSegment::MoveTo(point) => {
                    (start, last) = (point, point);
                    continue;
                }
                PathSegment::LineTo(point) => ([point; 3], 1, false),
                PathSegment::QuadTo(a, b) => ([a, b, b], 2, true),
                PathSegment::CubicTo(a, b, c) => ([a, b, c], 3, true),
                PathSegment::Close => ([start; 3], 1, false),
            };
            if is_curve {
                lines.curves += 1;
            } else {
                lines.lines += 1;
            }
            lines.corners += 1;
            for point in points.into_iter().take(count) {
                lines.line(canvas, last, point, transform);
                last = point;
            }
        }
        lines
    }

    fn line(&mut self, canvas: Canvas, from: Point, to: Point, transform: Transform) {
        let (mut from, mut to) = (from, to);
        self.length += from.distance(to);
        transform.map_point(&mut from);
        transform.map_point(&mut to);
        self.reach = self.reach.max(to.x.abs()).max(to.y.abs());
        let line =
            Area { left: from.x.min(to.x), top: from.y.min(to.y), right: from.x.max(to.x), bottom: from.y.max(to.y) };
        let seen = line.within(canvas.area);
        // What lies to the left is followed along the edge.
        self.rows += seen.height() + 1.0;
        self.within += seen.width().max(seen.height()) + 1.0;
    }

    fn filled(&self, canvas: Canvas, pixel: u64) -> Cost {
        let covered = self.bounds.within(canvas.area).pixels();
        edges(canvas, self.lines, self.curves, self.rows, covered, pixel)
    }

    fn stroked(&self, canvas: Canvas, stroke: &Stroke, transform: Transform) -> Cost {
        let (across, down) = transform.get_scale();
        let width = stroke.width().get() * across.max(down);
        let dashes = stroke.dasharray().map_or(0.0, |dashes| {
            let interval = dashes.iter().sum::<f32>();
            (self.length * dashes.len() as f32 / 2.0 / interval).min(DASHES_MAX)
        }) as u64;
        let pieces = self.corners + dashes;
        let dashed = Cost::per_pixel(2 * dashes + self.corners, POINT_BYTES, POINT_TIME);
        if width <= 1.0 {
            let hair =
                Cost { bytes: 0, nanoseconds: (self.within as u64).saturating_add(pieces).saturating_mul(HAIR_TIME) };
            return dashed.then(hair.within(dashed.bytes));
        }
        let is_round = stroke.linecap() == LineCap::Round || stroke.linejoin() == LineJoin::Round;
        let outline = outline(pieces, self.curves, is_round, self.reach, width);
        // A sharp corner reaches out by as much as is allowed.
        let reach = width * stroke.miterlimit().get().max(1.0);
        let covered = self.bounds.grown(reach).within(canvas.area);
        let rows = 2.0 * self.rows + 2.0 * pieces as f32 * (width.min(covered.height()) + 1.0);
        let edge_count = outline.bytes / POINT_BYTES;
        let drawn = edges(canvas, edge_count, 0, rows, covered.pixels(), pixel_time(stroke.paint()));
        dashed.then(outline.within(dashed.bytes)).then(drawn.within(dashed.bytes.saturating_add(outline.bytes)))
    }
}

/// What it takes to follow edges, and to cover pixels between them.
fn edges(canvas: Canvas, lines: u64, curves: u64, rows: f32, covered: u64, pixel: u64) -> Cost {
    /// What is larger is drawn in parts, each from all edges.
    const PART: f32 = 8191.0;
    let parts = (canvas.area.width() / PART).ceil() as u64 * (canvas.area.height() / PART).ceil() as u64;
    let rows = rows as u64;
    let edges = lines.saturating_mul(EDGE_TIME).saturating_add(curves.saturating_mul(CURVE_TIME));
    let each = edges.saturating_mul(parts).saturating_add(rows.saturating_mul(ROW_TIME));
    let pixels =
        covered.saturating_mul(pixel).saturating_add(covered.min(rows.saturating_mul(4)).saturating_mul(PART_TIME));
    Cost { bytes: lines.saturating_add(curves).saturating_mul(EDGE_BYTES), nanoseconds: each.saturating_add(pixels) }
}
