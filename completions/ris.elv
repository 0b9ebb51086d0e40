
use builtin;
use str;

set edit:completion:arg-completer[ris] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'ris'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'ris'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand index 'Describe pictures into the index'
            cand search 'Find where pictures, or edited copies of them, stand in the index'
            cand compare 'Tell whether two pictures are the same, and how one came from the other'
            cand dupes 'List the groups of pictures in the index that are copies of each other'
            cand privacy 'Tell what keeps a query private on this machine, and prove it'
            cand status 'Tell what the index holds, and what failed'
            cand verify 'Read every checksum of the index; with --repair, drop what is damaged'
            cand prune 'Forget pictures whose files are gone, never those of a disk that is unplugged'
            cand merge 'Take what other indexes hold into one, without decoding a picture again'
            cand completions 'Print a completion script for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'ris;index'= {
            cand --here 'Index DIR into DIR/.ris, with paths relative to DIR: the index travels with its disk'
            cand -E 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated'
            cand --exclude 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated'
            cand --io-threads 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]'
            cand --frames 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays'
            cand -j 'Decode so many pictures at the same time, 64 at most [default: one a processor]'
            cand --jobs 'Decode so many pictures at the same time, 64 at most [default: one a processor]'
            cand --max-memory 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]'
            cand --files-from 'Read more names from FILE, one a line; "-": from stdin'
            cand --scope 'How far a crawl goes: the start''s host, all hosts below its domain, or paths that begin as the start''s'
            cand --depth 'Follow at most N links from the start [default: all]'
            cand --include 'Fetch only pages whose path matches this glob (as in .gitignore), or whose whole address does; the pictures that they show may stand anywhere; may be repeated'
            cand --max-pages 'Fetch at most N pages now; what is left waits for the next run'
            cand --max-images 'Fetch at most N pictures now'
            cand --max-bytes 'Receive at most so many bytes now, e.g. 500M'
            cand --delay 'Leave a host alone for so long between requests; its Crawl-delay and its slowness count, too'
            cand --warc 'Write what is fetched to this new file as a web archive (WARC 1.1); packed where it ends in .gz'
            cand --user-agent 'The name to give to servers, by which their rules for crawlers mean this one [default: ris/VERSION and where to read about it]'
            cand --proxy 'Connect through this proxy: http://HOST:PORT. None is used unless named here'
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --watch 'Then stay, and index what changes until Ctrl-C'
            cand -H 'Look at hidden files and folders too'
            cand --hidden 'Look at hidden files and folders too'
            cand -L 'Follow symbolic links'
            cand --follow 'Follow symbolic links'
            cand -z 'Names in lists end in NUL, not in a newline'
            cand --null-data 'Names in lists end in NUL, not in a newline'
            cand --dry-run 'List what would be fetched: pages are read for that, pictures are not, and no index is made'
            cand --noai 'Leave pictures out whose pages say noai or noimageai'
            cand --allow-private 'Connect to addresses that are not public, too: an intranet''s, this machine''s'
            cand --json 'Print the summary as one line of JSON; with --watch, one each time'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;search'= {
            cand --in 'First bring the index of DIR up to date, then search only there; may be repeated'
            cand --where 'Find only pictures that meet these conditions, e.g. ''taken:2019..2021 camera:canon size:>2MP path:scans/**''; may be repeated'
            cand -n 'Print at most N matches a query; 0: all'
            cand --top 'Print at most N matches a query; 0: all'
            cand --min-score 'Print only matches with at least this probability, 0 to 1 [default: where 99 of 100 are right]'
            cand --hyperlink 'Link paths to their files (OSC 8)'
            cand --files-from 'Read more names from FILE, one a line; "-": from stdin'
            cand -j 'Decode so many pictures at the same time, 64 at most [default: one a processor]'
            cand --jobs 'Decode so many pictures at the same time, 64 at most [default: one a processor]'
            cand --max-memory 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]'
            cand -E 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated'
            cand --exclude 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated'
            cand --io-threads 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]'
            cand --frames 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays'
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --raw-pairs 'Tell the raw file and the JPEG or HEIC of one shot (same folder, same name) as one match'
            cand --json 'Print one JSON object a query and line'
            cand -l 'Print only the paths of matches, one a line'
            cand --paths 'Print only the paths of matches, one a line'
            cand -0 'Print only the paths of matches, each ending in NUL'
            cand --null 'Print only the paths of matches, each ending in NUL'
            cand -z 'Names in lists end in NUL, not in a newline'
            cand --null-data 'Names in lists end in NUL, not in a newline'
            cand --require-sandbox 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
            cand -H 'Look at hidden files and folders too'
            cand --hidden 'Look at hidden files and folders too'
            cand -L 'Follow symbolic links'
            cand --follow 'Follow symbolic links'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;compare'= {
            cand --min-score 'The probability from which they are the same, 0 to 1 [default: as in search]'
            cand --picture 'Draw both side by side into this PNG file, in grey, what they share outlined, what agrees joined by lines'
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --json 'Print one JSON object'
            cand --require-sandbox 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;dupes'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --json 'Print one JSON object a group and line'
            cand -0 'End each path in NUL, and each group in one more'
            cand --null 'End each path in NUL, and each group in one more'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;privacy'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --json 'Print one JSON object'
            cand --require-sandbox 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;status'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --errors 'List what failed and why, one a line, and the pictures that this build does not read'
            cand --json 'Print one line of JSON'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;verify'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --repair 'Drop what is damaged, so that the rest is whole, and list what to index again'
            cand --json 'Print one JSON object'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;prune'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --missing 'Only what an earlier `ris index` found missing: no other file is looked for'
            cand --offline 'Forget what is below folders that are offline, too; these must be named'
            cand -N 'Change nothing, and list what would be forgotten'
            cand --dry-run 'Change nothing, and list what would be forgotten'
            cand --json 'Print one JSON object'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;merge'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand --json 'Print the summary as one line of JSON'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;completions'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;man'= {
            cand --index 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user''s data folder]'
            cand --color 'Colour results'
            cand -q 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand --quiet 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'ris;help'= {
            cand index 'Describe pictures into the index'
            cand search 'Find where pictures, or edited copies of them, stand in the index'
            cand compare 'Tell whether two pictures are the same, and how one came from the other'
            cand dupes 'List the groups of pictures in the index that are copies of each other'
            cand privacy 'Tell what keeps a query private on this machine, and prove it'
            cand status 'Tell what the index holds, and what failed'
            cand verify 'Read every checksum of the index; with --repair, drop what is damaged'
            cand prune 'Forget pictures whose files are gone, never those of a disk that is unplugged'
            cand merge 'Take what other indexes hold into one, without decoding a picture again'
            cand completions 'Print a completion script for a shell'
            cand man 'Print the manual page'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'ris;help;index'= {
        }
        &'ris;help;search'= {
        }
        &'ris;help;compare'= {
        }
        &'ris;help;dupes'= {
        }
        &'ris;help;privacy'= {
        }
        &'ris;help;status'= {
        }
        &'ris;help;verify'= {
        }
        &'ris;help;prune'= {
        }
        &'ris;help;merge'= {
        }
        &'ris;help;completions'= {
        }
        &'ris;help;man'= {
        }
        &'ris;help;help'= {
        }
    ]
    $completions[$command]
}
