
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'ris' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'ris'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'ris' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('index', 'index', [CompletionResultType]::ParameterValue, 'Describe pictures into the index')
            [CompletionResult]::new('search', 'search', [CompletionResultType]::ParameterValue, 'Find where pictures, or edited copies of them, stand in the index')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Tell whether two pictures are the same, and how one came from the other')
            [CompletionResult]::new('dupes', 'dupes', [CompletionResultType]::ParameterValue, 'List the groups of pictures in the index that are copies of each other')
            [CompletionResult]::new('privacy', 'privacy', [CompletionResultType]::ParameterValue, 'Tell what keeps a query private on this machine, and prove it')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Tell what the index holds, and what failed')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Read every checksum of the index; with --repair, drop what is damaged')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Forget pictures whose files are gone, never those of a disk that is unplugged')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Take what other indexes hold into one, without decoding a picture again')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ris;index' {
            [CompletionResult]::new('--here', '--here', [CompletionResultType]::ParameterName, 'Index DIR into DIR/.ris, with paths relative to DIR: the index travels with its disk')
            [CompletionResult]::new('-E', '-E ', [CompletionResultType]::ParameterName, 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated')
            [CompletionResult]::new('--io-threads', '--io-threads', [CompletionResultType]::ParameterName, 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]')
            [CompletionResult]::new('--frames', '--frames', [CompletionResultType]::ParameterName, 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Decode so many pictures at the same time, 64 at most [default: one a processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Decode so many pictures at the same time, 64 at most [default: one a processor]')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]')
            [CompletionResult]::new('--files-from', '--files-from', [CompletionResultType]::ParameterName, 'Read more names from FILE, one a line; "-": from stdin')
            [CompletionResult]::new('--scope', '--scope', [CompletionResultType]::ParameterName, 'How far a crawl goes: the start''s host, all hosts below its domain, or paths that begin as the start''s')
            [CompletionResult]::new('--depth', '--depth', [CompletionResultType]::ParameterName, 'Follow at most N links from the start [default: all]')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Fetch only pages whose path matches this glob (as in .gitignore), or whose whole address does; the pictures that they show may stand anywhere; may be repeated')
            [CompletionResult]::new('--max-pages', '--max-pages', [CompletionResultType]::ParameterName, 'Fetch at most N pages now; what is left waits for the next run')
            [CompletionResult]::new('--max-images', '--max-images', [CompletionResultType]::ParameterName, 'Fetch at most N pictures now')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'Receive at most so many bytes now, e.g. 500M')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Leave a host alone for so long between requests; its Crawl-delay and its slowness count, too')
            [CompletionResult]::new('--warc', '--warc', [CompletionResultType]::ParameterName, 'Write what is fetched to this new file as a web archive (WARC 1.1); packed where it ends in .gz')
            [CompletionResult]::new('--user-agent', '--user-agent', [CompletionResultType]::ParameterName, 'The name to give to servers, by which their rules for crawlers mean this one [default: ris/VERSION and where to read about it]')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Connect through this proxy: http://HOST:PORT. None is used unless named here')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Then stay, and index what changes until Ctrl-C')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Look at hidden files and folders too')
            [CompletionResult]::new('--hidden', '--hidden', [CompletionResultType]::ParameterName, 'Look at hidden files and folders too')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('-z', '-z', [CompletionResultType]::ParameterName, 'Names in lists end in NUL, not in a newline')
            [CompletionResult]::new('--null-data', '--null-data', [CompletionResultType]::ParameterName, 'Names in lists end in NUL, not in a newline')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'List what would be fetched: pages are read for that, pictures are not, and no index is made')
            [CompletionResult]::new('--noai', '--noai', [CompletionResultType]::ParameterName, 'Leave pictures out whose pages say noai or noimageai')
            [CompletionResult]::new('--allow-private', '--allow-private', [CompletionResultType]::ParameterName, 'Connect to addresses that are not public, too: an intranet''s, this machine''s')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one line of JSON; with --watch, one each time')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;search' {
            [CompletionResult]::new('--in', '--in', [CompletionResultType]::ParameterName, 'First bring the index of DIR up to date, then search only there; may be repeated')
            [CompletionResult]::new('--where', '--where', [CompletionResultType]::ParameterName, 'Find only pictures that meet these conditions, e.g. ''taken:2019..2021 camera:canon size:>2MP path:scans/**''; may be repeated')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Print at most N matches a query; 0: all')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Print at most N matches a query; 0: all')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Print only matches with at least this probability, 0 to 1 [default: where 99 of 100 are right]')
            [CompletionResult]::new('--hyperlink', '--hyperlink', [CompletionResultType]::ParameterName, 'Link paths to their files (OSC 8)')
            [CompletionResult]::new('--files-from', '--files-from', [CompletionResultType]::ParameterName, 'Read more names from FILE, one a line; "-": from stdin')
            [CompletionResult]::new('-j', '-j', [CompletionResultType]::ParameterName, 'Decode so many pictures at the same time, 64 at most [default: one a processor]')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Decode so many pictures at the same time, 64 at most [default: one a processor]')
            [CompletionResult]::new('--max-memory', '--max-memory', [CompletionResultType]::ParameterName, 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]')
            [CompletionResult]::new('-E', '-E ', [CompletionResultType]::ParameterName, 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated')
            [CompletionResult]::new('--io-threads', '--io-threads', [CompletionResultType]::ParameterName, 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]')
            [CompletionResult]::new('--frames', '--frames', [CompletionResultType]::ParameterName, 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--raw-pairs', '--raw-pairs', [CompletionResultType]::ParameterName, 'Tell the raw file and the JPEG or HEIC of one shot (same folder, same name) as one match')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a query and line')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Print only the paths of matches, one a line')
            [CompletionResult]::new('--paths', '--paths', [CompletionResultType]::ParameterName, 'Print only the paths of matches, one a line')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'Print only the paths of matches, each ending in NUL')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'Print only the paths of matches, each ending in NUL')
            [CompletionResult]::new('-z', '-z', [CompletionResultType]::ParameterName, 'Names in lists end in NUL, not in a newline')
            [CompletionResult]::new('--null-data', '--null-data', [CompletionResultType]::ParameterName, 'Names in lists end in NUL, not in a newline')
            [CompletionResult]::new('--require-sandbox', '--require-sandbox', [CompletionResultType]::ParameterName, 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Look at hidden files and folders too')
            [CompletionResult]::new('--hidden', '--hidden', [CompletionResultType]::ParameterName, 'Look at hidden files and folders too')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;compare' {
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'The probability from which they are the same, 0 to 1 [default: as in search]')
            [CompletionResult]::new('--picture', '--picture', [CompletionResultType]::ParameterName, 'Draw both side by side into this PNG file, in grey, what they share outlined, what agrees joined by lines')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object')
            [CompletionResult]::new('--require-sandbox', '--require-sandbox', [CompletionResultType]::ParameterName, 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;dupes' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a group and line')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'End each path in NUL, and each group in one more')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'End each path in NUL, and each group in one more')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;privacy' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object')
            [CompletionResult]::new('--require-sandbox', '--require-sandbox', [CompletionResultType]::ParameterName, 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;status' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--errors', '--errors', [CompletionResultType]::ParameterName, 'List what failed and why, one a line, and the pictures that this build does not read')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one line of JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;verify' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--repair', '--repair', [CompletionResultType]::ParameterName, 'Drop what is damaged, so that the rest is whole, and list what to index again')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;prune' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--missing', '--missing', [CompletionResultType]::ParameterName, 'Only what an earlier `ris index` found missing: no other file is looked for')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Forget what is below folders that are offline, too; these must be named')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Change nothing, and list what would be forgotten')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Change nothing, and list what would be forgotten')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;merge' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one line of JSON')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;completions' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;man' {
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour results')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no results, progress or summary: the exit status tells. Warnings are still printed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'ris;help' {
            [CompletionResult]::new('index', 'index', [CompletionResultType]::ParameterValue, 'Describe pictures into the index')
            [CompletionResult]::new('search', 'search', [CompletionResultType]::ParameterValue, 'Find where pictures, or edited copies of them, stand in the index')
            [CompletionResult]::new('compare', 'compare', [CompletionResultType]::ParameterValue, 'Tell whether two pictures are the same, and how one came from the other')
            [CompletionResult]::new('dupes', 'dupes', [CompletionResultType]::ParameterValue, 'List the groups of pictures in the index that are copies of each other')
            [CompletionResult]::new('privacy', 'privacy', [CompletionResultType]::ParameterValue, 'Tell what keeps a query private on this machine, and prove it')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Tell what the index holds, and what failed')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Read every checksum of the index; with --repair, drop what is damaged')
            [CompletionResult]::new('prune', 'prune', [CompletionResultType]::ParameterValue, 'Forget pictures whose files are gone, never those of a disk that is unplugged')
            [CompletionResult]::new('merge', 'merge', [CompletionResultType]::ParameterValue, 'Take what other indexes hold into one, without decoding a picture again')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'ris;help;index' {
            break
        }
        'ris;help;search' {
            break
        }
        'ris;help;compare' {
            break
        }
        'ris;help;dupes' {
            break
        }
        'ris;help;privacy' {
            break
        }
        'ris;help;status' {
            break
        }
        'ris;help;verify' {
            break
        }
        'ris;help;prune' {
            break
        }
        'ris;help;merge' {
            break
        }
        'ris;help;completions' {
            break
        }
        'ris;help;man' {
            break
        }
        'ris;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
