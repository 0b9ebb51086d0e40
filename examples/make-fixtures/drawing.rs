//! A drawing of shapes, as SVG text.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::files::File;

/// The drawing as text, and packed.
pub fn drawings() -> Vec<File> {
    let text = drawing();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(text.as_bytes()).expect("a buffer takes all");
    let packed = packer.finish().expect("a buffer takes all");
    vec![
        File::new("formats/drawing.svg", "SVG: shapes, a gradient, a pattern, a clip and a mask", text.into_bytes()),
        File::new("formats/drawing.svgz", "the same, packed", packed),
    ]
}

/// Houses before hills, a sun, a fence and a tree, on 320 x 240.
fn drawing() -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Drawn for the tests. -->\n".to_owned();
    text.push_str(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"320\" \
         height=\"240\" viewBox=\"0 0 640 480\">
<defs>
<linearGradient id=\"sky\" x2=\"0\" y2=\"1\"><stop stop-color=\"#79b\"/><stop offset=\"1\" stop-color=\"#eec\"/></linearGradient>
<pattern id=\"bricks\" width=\"24\" height=\"16\" patternUnits=\"userSpaceOnUse\"><rect width=\"24\" height=\"16\" \
         fill=\"#eee\"/><path d=\"M1 1h22v6H1zM-11 9h22v6h-22zM13 9h22v6H13z\" fill=\"#a43\"/></pattern>
<clipPath id=\"arch\"><circle cx=\"0\" cy=\"0\" r=\"17\"/><path d=\"M-17 0h34v40h-34z\"/></clipPath>
<mask id=\"fade\"><rect width=\"640\" height=\"480\" fill=\"url(#sky)\"/></mask>
<g id=\"window\"><path d=\"M-14-18h28v36h-28z\" fill=\"#234\"/><path d=\"M0-18v36M-14 0h28\" stroke=\"#fff\" stroke-width=\"3\"/></g>
</defs>
<rect width=\"640\" height=\"480\" fill=\"url(#sky)\"/>
<circle cx=\"512\" cy=\"92\" r=\"46\" fill=\"#fd5\" stroke=\"#c80\" stroke-width=\"7\"/>
<path d=\"M0 300C90 190 170 210 260 290S450 170 640 270V480H0z\" fill=\"#485\" mask=\"url(#fade)\"/>
",
    );
    for (x, width, height, wall) in
        [(40, 150, 170, "url(#bricks)"), (250, 110, 210, "#d9c8a0"), (420, 170, 150, "url(#bricks)")]
    {
        let top = 420 - height;
        let _ = write!(
            text,
            "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{wall}\" stroke=\"#333\" \
             stroke-width=\"4\"/>\n<path d=\"M{} {top}L{} {}L{} {top}z\" fill=\"#634\"/>\n",
            x - 14,
            x + width / 2,
            top - 60,
            x + width + 14
        );
        for (column, row) in [(0, 0), (1, 0), (0, 1)] {
            let (at, down) = (x + width / 4 + column * width / 2, top + 38 + row * 62);
            let _ = writeln!(text, "<use xlink:href=\"#window\" x=\"{at}\" y=\"{down}\"/>");
        }
        let (door, step) = (x + 3 * width / 4, 382);
        let _ = writeln!(
            text,
            "<g transform=\"translate({door} {step})\" clip-path=\"url(#arch)\"><rect x=\"-20\" y=\"-20\" width=\"40\" \
             height=\"60\" fill=\"#752\"/><circle cx=\"9\" cy=\"12\" r=\"4\" fill=\"#fd5\"/></g>"
        );
    }
    for i in 0..32 {
        let (x, lean) = (i * 20, (i * 7) % 5);
        let _ = writeln!(text, "<path d=\"M{x} 474l{lean}-62l6-9l6 9v62z\" fill=\"#{}b8\" opacity=\".9\"/>", i % 9 + 1);
    }
    text.push_str("<text x=\"20\" y=\"40\" font-size=\"30\">left out</text>\n</svg>\n");
    text
}
