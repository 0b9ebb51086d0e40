//! The manual page: one page for all commands, made from the flags' own definitions.

use anyhow::Result;
use clap::CommandFactory;
use clap_mangen::Man;

use super::args::Args;

/// What the flags do not tell.
const SECTIONS: &str = r#".SH OUTPUT
\fBris search\fR prints a line a match: its rank, its score, its kind, its size in pixels and bytes, and where it is. The score is
the probability that the match shows the same picture, 0 to 1.
.TP
.B identical
The same bytes.
.TP
.B copy
The whole picture: recompressed, resized, recoloured, mirrored, turned.
.TP
.B partial
One contains a part of the other: crop, collage, picture in picture, screenshot.
.PP
A picture in an archive is \fIa.zip!/inner/name.jpg\fR, a page or a frame \fIscan.tif#2\fR, a crawled picture its address.
.SH FILTERS
\fB\-\-where\fR takes conditions, all of which must hold. Commas stand between alternatives, \fB\-\fR before a condition negates
it, \fBany\fR and \fBnone\fR ask whether something is known.
.TP
.B taken, modified
\fI2019\fR, \fI2019\-05\fR, \fI2019\-05\-04T10:11\fR, \fI2019..2021\fR, \fI>2019\fR, \fI..2018\fR
.TP
.B camera, lens
Words that follow one another: \fI"eos 5d"\fR
.TP
.B rating, width, height
\fI3\fR, \fI>=3\fR, \fI1000..2000\fR
.TP
.B size, bytes
Pixels, and the size of the file: \fI>2MP\fR, \fI>1M\fR
.TP
.B format
\fIjpeg\fR, \fIpng\fR, ...
.TP
.B gps
Latitude, longitude and distance: \fI52.52,13.40,10km\fR
.TP
.B path
A glob; \fIscans\fR is all that is below a folder of that name.
.TP
.B page, title, alt, caption
Words of the page that showed the picture.
.SH JSON
With \fB\-\-json\fR a command prints objects, one a line. Each begins with \fIschema\fR, which is 1; within a schema number fields
are only ever added. Of a search: \fIquery\fR, \fIstatus\fR (ok, too_plain, error), \fIelapsed_ms\fR, \fIsandbox\fR, \fIsearched\fR and
\fImatches\fR; of a match: \fIrank\fR, \fIsource\fR, \fIscore\fR, \fIkind\fR, \fItransform\fR, \fIquery_overlap\fR, \fIsource_overlap\fR,
\fIevidence\fR, \fIwidth\fR, \fIheight\fR, \fIformat\fR, \fIbytes\fR, \fImodified\fR, and what is known of it besides. docs/JSON.md
has all of them.
.SH EXAMPLES
.TP
.B ris index ~/Pictures /media/archive
Describe folders and the archives in them; again, only what changed.
.TP
.B ris search holiday.jpg
Where is it, or a part of it?
.TP
.B ris search a.jpg \-\-in ~/Pictures
Bring the index of a folder up to date, then search there.
.TP
.B ris search q.jpg \-\-where 'taken:2019..2021 camera:canon \-rating:none'
Only among some.
.TP
.B fd \-e jpg | ris search \-\-files\-from \- \-\-json | jq \-r 'select(.matches != []) | .query'
Which of these pictures are known?
.TP
.B ris dupes ~/Pictures
Groups of copies.
.SH EXIT STATUS
.TP
.B 0
Something matched; for \fBris index\fR, every picture found was indexed.
.TP
.B 1
Nothing matched; for \fBris dupes\fR, no copies; for \fBris verify\fR, damage was found.
.TP
.B 2
An error, even if results were printed too.
.TP
.B 130
Stopped by Ctrl\-C. What was done is kept.
.SH ENVIRONMENT
.TP
.B RIS_INDEX
The index, where \fB\-\-index\fR does not name one.
.TP
.B RIS_REQUIRE_SANDBOX
As \fB\-\-require\-sandbox\fR, where it is 1.
.TP
.B NO_COLOR, TERM
No colour where NO_COLOR is set or TERM is "dumb", unless \fB\-\-color always\fR.
.SH FILES
.TP
.B .ris/
An index in this folder or one above is used before the one in the user's data folder
($XDG_DATA_HOME/ris on Linux).
.TP
.B .risignore
Globs of files and folders that \fBris index\fR leaves out, as in .gitignore.
.SH PRIVACY
A query picture is read, described in memory and dropped. Nothing of it is written anywhere. On Linux the kernel
enforces that before the first byte of it is read; \fBris privacy\fR says what is in force on this machine and proves it.
"#;

/// The page, in roff.
pub fn page() -> Result<Vec<u8>> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let main = Man::new(command.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let mut part = Vec::new();
        let man = Man::new(sub.clone());
        man.render_synopsis_section(&mut part)?;
        man.render_description_section(&mut part)?;
        man.render_options_section(&mut part)?;
        // Sections of the command's own page become subsections of its section here.
        let part = String::from_utf8_lossy(&part).replace(".SH ", ".SS ");
        page.extend_from_slice(format!(".SH \"RIS {}\"\n", sub.get_name().to_uppercase()).as_bytes());
        page.extend_from_slice(part.as_bytes());
    }
    page.extend_from_slice(SECTIONS.as_bytes());
    Ok(page)
}
