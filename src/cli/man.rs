//! The manual page: one page for all commands, made from the flags' own definitions.

use anyhow::Result;
use clap::CommandFactory;
use clap_mangen::Man;

use super::args::Args;

/// What the flags do not tell.
const SECTIONS: &str = r#".SH EXIT STATUS
.TP
.B 0
Something matched; for \fBris index\fR, every picture found was indexed.
.TP
.B 1
Nothing matched.
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
enforces that before the first byte of it is read; \fBris privacy\fR tells what stands on this machine and proves it.
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
