# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ris_global_optspecs
    string join \n index= q/quiet color= h/help V/version
end

function __fish_ris_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ris_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ris_using_subcommand
    set -l cmd (__fish_ris_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ris -n "__fish_ris_needs_command" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_needs_command" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_needs_command" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_needs_command" -s V -l version -d 'Print version'
complete -c ris -n "__fish_ris_needs_command" -f -a "index" -d 'Describe pictures into the index'
complete -c ris -n "__fish_ris_needs_command" -f -a "search" -d 'Find where pictures, or edited copies of them, stand in the index'
complete -c ris -n "__fish_ris_needs_command" -f -a "compare" -d 'Tell whether two pictures are the same, and how one came from the other'
complete -c ris -n "__fish_ris_needs_command" -f -a "dupes" -d 'List the groups of pictures in the index that are copies of each other'
complete -c ris -n "__fish_ris_needs_command" -f -a "privacy" -d 'Tell what keeps a query private on this machine, and prove it'
complete -c ris -n "__fish_ris_needs_command" -f -a "status" -d 'Tell what the index holds, and what failed'
complete -c ris -n "__fish_ris_needs_command" -f -a "verify" -d 'Read every checksum of the index; with --repair, drop what is damaged'
complete -c ris -n "__fish_ris_needs_command" -f -a "prune" -d 'Forget pictures whose files are gone, never those of a disk that is unplugged'
complete -c ris -n "__fish_ris_needs_command" -f -a "merge" -d 'Take what other indexes hold into one, without decoding a picture again'
complete -c ris -n "__fish_ris_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c ris -n "__fish_ris_needs_command" -f -a "man" -d 'Print the manual page'
complete -c ris -n "__fish_ris_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ris -n "__fish_ris_using_subcommand index" -l here -d 'Index DIR into DIR/.ris, with paths relative to DIR: the index travels with its disk' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand index" -s E -l exclude -d 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l io-threads -d 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l frames -d 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays' -r
complete -c ris -n "__fish_ris_using_subcommand index" -s j -l jobs -d 'Decode so many pictures at the same time, 64 at most [default: one a processor]' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l max-memory -d 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l files-from -d 'Read more names from FILE, one a line; "-": from stdin' -r -F
complete -c ris -n "__fish_ris_using_subcommand index" -l scope -d 'How far a crawl goes: the start\'s host, all hosts below its domain, or paths that begin as the start\'s' -r -f -a "host\t'The start\'s host, with or without www'
domain\t'The start\'s host without www. and every host below it'
prefix\t'The start\'s host, and paths that begin as the start\'s does up to its last slash'"
complete -c ris -n "__fish_ris_using_subcommand index" -l depth -d 'Follow at most N links from the start [default: all]' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l include -d 'Fetch only pages whose path matches this glob (as in .gitignore), or whose whole address does; the pictures that they show may stand anywhere; may be repeated' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l max-pages -d 'Fetch at most N pages now; what is left waits for the next run' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l max-images -d 'Fetch at most N pictures now' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l max-bytes -d 'Receive at most so many bytes now, e.g. 500M' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l delay -d 'Leave a host alone for so long between requests; its Crawl-delay and its slowness count, too' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l warc -d 'Write what is fetched to this new file as a web archive (WARC 1.1); packed where it ends in .gz' -r -F
complete -c ris -n "__fish_ris_using_subcommand index" -l user-agent -d 'The name to give to servers, by which their rules for crawlers mean this one [default: ris/VERSION and where to read about it]' -r
complete -c ris -n "__fish_ris_using_subcommand index" -l proxy -d 'Connect through this proxy: http://HOST:PORT. None is used unless named here' -r -f
complete -c ris -n "__fish_ris_using_subcommand index" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand index" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand index" -l watch -d 'Then stay, and index what changes until Ctrl-C'
complete -c ris -n "__fish_ris_using_subcommand index" -s H -l hidden -d 'Look at hidden files and folders too'
complete -c ris -n "__fish_ris_using_subcommand index" -s L -l follow -d 'Follow symbolic links'
complete -c ris -n "__fish_ris_using_subcommand index" -s z -l null-data -d 'Names in lists end in NUL, not in a newline'
complete -c ris -n "__fish_ris_using_subcommand index" -l dry-run -d 'List what would be fetched: pages are read for that, pictures are not, and no index is made'
complete -c ris -n "__fish_ris_using_subcommand index" -l noai -d 'Leave pictures out whose pages say noai or noimageai'
complete -c ris -n "__fish_ris_using_subcommand index" -l allow-private -d 'Connect to addresses that are not public, too: an intranet\'s, this machine\'s'
complete -c ris -n "__fish_ris_using_subcommand index" -l json -d 'Print the summary as one line of JSON; with --watch, one each time'
complete -c ris -n "__fish_ris_using_subcommand index" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand index" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand search" -l in -d 'First bring the index of DIR up to date, then search only there; may be repeated' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand search" -l where -d 'Find only pictures that meet these conditions, e.g. \'taken:2019..2021 camera:canon size:>2MP path:scans/**\'; may be repeated' -r
complete -c ris -n "__fish_ris_using_subcommand search" -s n -l top -d 'Print at most N matches a query; 0: all' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l min-score -d 'Print only matches with at least this probability, 0 to 1 [default: where 99 of 100 are right]' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l hyperlink -d 'Link paths to their files (OSC 8)' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand search" -l files-from -d 'Read more names from FILE, one a line; "-": from stdin' -r -F
complete -c ris -n "__fish_ris_using_subcommand search" -s j -l jobs -d 'Decode so many pictures at the same time, 64 at most [default: one a processor]' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l max-memory -d 'Take at most so much memory for all pictures that are decoded at the same time, e.g. 512M or 4G; a larger one is a warning [default: 1G]' -r
complete -c ris -n "__fish_ris_using_subcommand search" -s E -l exclude -d 'Leave out files and folders that match this glob (as in .gitignore), and of a site also addresses that match it as a whole; may be repeated' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l io-threads -d 'Read so many files at the same time, e.g. 1 from a spinning disk [default: as many as are decoded]' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l frames -d 'Describe N frames, spread over it, of a moving picture (GIF, WebP, PNG), not the first alone; what was described with a larger N stays' -r
complete -c ris -n "__fish_ris_using_subcommand search" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand search" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand search" -l raw-pairs -d 'Tell the raw file and the JPEG or HEIC of one shot (same folder, same name) as one match'
complete -c ris -n "__fish_ris_using_subcommand search" -l json -d 'Print one JSON object a query and line'
complete -c ris -n "__fish_ris_using_subcommand search" -s l -l paths -d 'Print only the paths of matches, one a line'
complete -c ris -n "__fish_ris_using_subcommand search" -s 0 -l null -d 'Print only the paths of matches, each ending in NUL'
complete -c ris -n "__fish_ris_using_subcommand search" -s z -l null-data -d 'Names in lists end in NUL, not in a newline'
complete -c ris -n "__fish_ris_using_subcommand search" -l require-sandbox -d 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
complete -c ris -n "__fish_ris_using_subcommand search" -s H -l hidden -d 'Look at hidden files and folders too'
complete -c ris -n "__fish_ris_using_subcommand search" -s L -l follow -d 'Follow symbolic links'
complete -c ris -n "__fish_ris_using_subcommand search" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand search" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand compare" -l min-score -d 'The probability from which they are the same, 0 to 1 [default: as in search]' -r
complete -c ris -n "__fish_ris_using_subcommand compare" -l picture -d 'Draw both side by side into this PNG file, in grey, what they share outlined, what agrees joined by lines' -r -F
complete -c ris -n "__fish_ris_using_subcommand compare" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand compare" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand compare" -l json -d 'Print one JSON object'
complete -c ris -n "__fish_ris_using_subcommand compare" -l require-sandbox -d 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
complete -c ris -n "__fish_ris_using_subcommand compare" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand dupes" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand dupes" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand dupes" -l json -d 'Print one JSON object a group and line'
complete -c ris -n "__fish_ris_using_subcommand dupes" -s 0 -l null -d 'End each path in NUL, and each group in one more'
complete -c ris -n "__fish_ris_using_subcommand dupes" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand dupes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand privacy" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand privacy" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand privacy" -l json -d 'Print one JSON object'
complete -c ris -n "__fish_ris_using_subcommand privacy" -l require-sandbox -d 'Fail where the kernel does not wholly enforce the sandbox; RIS_REQUIRE_SANDBOX=1 does the same'
complete -c ris -n "__fish_ris_using_subcommand privacy" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand privacy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand status" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand status" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand status" -l errors -d 'List what failed and why, one a line, and the pictures that this build does not read'
complete -c ris -n "__fish_ris_using_subcommand status" -l json -d 'Print one line of JSON'
complete -c ris -n "__fish_ris_using_subcommand status" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand verify" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand verify" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand verify" -l repair -d 'Drop what is damaged, so that the rest is whole, and list what to index again'
complete -c ris -n "__fish_ris_using_subcommand verify" -l json -d 'Print one JSON object'
complete -c ris -n "__fish_ris_using_subcommand verify" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand prune" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand prune" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand prune" -l missing -d 'Only what an earlier `ris index` found missing: no other file is looked for'
complete -c ris -n "__fish_ris_using_subcommand prune" -l offline -d 'Forget what is below folders that are offline, too; these must be named'
complete -c ris -n "__fish_ris_using_subcommand prune" -s N -l dry-run -d 'Change nothing, and list what would be forgotten'
complete -c ris -n "__fish_ris_using_subcommand prune" -l json -d 'Print one JSON object'
complete -c ris -n "__fish_ris_using_subcommand prune" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand merge" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand merge" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand merge" -l json -d 'Print the summary as one line of JSON'
complete -c ris -n "__fish_ris_using_subcommand merge" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand completions" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand completions" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand completions" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand man" -l index -d 'The index; a search takes several [default: $RIS_INDEX, else the nearest .ris/ here or above, else the user\'s data folder]' -r -f -a "(__fish_complete_directories)"
complete -c ris -n "__fish_ris_using_subcommand man" -l color -d 'Colour results' -r -f -a "auto\t'On a terminal that can'
always\t'Everywhere'
never\t'Nowhere'"
complete -c ris -n "__fish_ris_using_subcommand man" -s q -l quiet -d 'Print no results, progress or summary: the exit status tells. Warnings are still printed'
complete -c ris -n "__fish_ris_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "index" -d 'Describe pictures into the index'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "search" -d 'Find where pictures, or edited copies of them, stand in the index'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "compare" -d 'Tell whether two pictures are the same, and how one came from the other'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "dupes" -d 'List the groups of pictures in the index that are copies of each other'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "privacy" -d 'Tell what keeps a query private on this machine, and prove it'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "status" -d 'Tell what the index holds, and what failed'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "verify" -d 'Read every checksum of the index; with --repair, drop what is damaged'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "prune" -d 'Forget pictures whose files are gone, never those of a disk that is unplugged'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "merge" -d 'Take what other indexes hold into one, without decoding a picture again'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "man" -d 'Print the manual page'
complete -c ris -n "__fish_ris_using_subcommand help; and not __fish_seen_subcommand_from index search compare dupes privacy status verify prune merge completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
