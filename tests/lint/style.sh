#!/bin/sh
# How the sources look: their format, their length, the shell scripts, the manual pages. Each case
# is a check of the tree; then of a copy that was doctored, in which it has to find something.
# shellcheck disable=SC2317,SC2329 # checks and doctors are called by their names
set -u

tree=$(cd "${ECHOD_SRCDIR:-$(dirname "$0")/../..}" && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
copy=$scratch/tree
count=0
failed=0

# Each check complains on standard output of the tree that it stands in.

c_files() { find src tests doc -name '*.[ch]' -type f | sort; }
shell_scripts() {
    find tests -name '*.sh' -type f | sort
    [ ! -d completions ] || find completions -type f | sort
    for file in dev .ci/run debian/echod.preinst debian/echod.postinst debian/echod.prerm debian/echod.postrm \
        debian/tests/booted; do
        [ ! -f "$file" ] || echo "$file"
    done
}
pages() { find man -name '*.[158]' -type f | sort; }
text_files() {
    { c_files; shell_scripts; pages; find tests -name '*.py'; find etc completions -type f; } | sort
    for file in configure.ac Makefile.am README.md CONTRIBUTING.md NEWS.md SECURITY.md; do
        [ ! -f "$file" ] || echo "$file"
    done
}

# The options are for xargs(1): file names here hold no blanks.
check_format() { c_files | xargs "$clang_format" --dry-run -Werror --style=file; }
check_shell() { shell_scripts | xargs "$tool" --format=gcc; }
check_sh() { # "make check" runs them so
    shell_scripts | grep '^tests/' | while read -r file; do
        [ "$(head -n 1 "$file")" = '#!/bin/sh' ] || echo "$file: is not for /bin/sh"
    done
}
check_pages() { pages | xargs mandoc -Tlint -W warning; }
check_blanks() { text_files | xargs grep -nE '[[:blank:]]$'; }
check_tabs() { text_files | grep -v '^Makefile.am$' | xargs grep -n "$(printf '\t')"; }
check_returns() { text_files | xargs grep -n "$(printf '\r')"; }
check_last_lines() {
    text_files | xargs tail -v -c 1 | awk '
        /^==> .* <==$/ { file = $2; first = 1; next }
        first && length { print file ": the last line has no end" }
        { first = 0 }'
}
check_promises() { text_files | xargs grep -nwE 'TO''DO|FIX''ME|XX''X'; }
check_files() {
    c_files | grep '^src/' | xargs wc -l |
        awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines, more than 400" }'
}

# function_lengths: "LINES FILE:LINE" of each function of src, the shortest first. A function's brace
# stands alone at the beginning of a line: clang-format sees to it.
function_lengths() {
    c_files | grep '^src/' | xargs awk '
        FNR == 1 { start = 0 }
        /^{/ { start = FNR }
        /^}/ {
            if (start)
                print FNR - start - 1, FILENAME ":" start
            start = 0
        }' | sort -k 1,1n -k 2
}

check_functions() { function_lengths | awk '$1 > 45 { print $2 ": a function of " $1 " lines, more than 45" }'; }

# check_share PERCENT LINES: this share of the functions has at most so many lines.
check_share() {
    function_lengths | awk -v percent="$1" -v most="$2" '
        { lines[NR] = $1; place[NR] = $2 }
        END {
            i = int((NR * percent + 99) / 100)
            if (lines[i] > most)
                print place[i] ": " percent " % of the functions have up to " lines[i] " lines, more than " most
        }'
}
check_median() { check_share 50 12; }
check_most() { check_share 90 20; }

# ---- TAP ----

result() { # STATUS NAME [FILE OF COMPLAINTS]
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failed=1
        echo "not ok $count - $2"
        [ $# -lt 3 ] || sed 's/^/# /' "$3"
    fi
}

skip() { # NAME REASON
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# has TOOL NAME: whether TOOL is there; else the case NAME is skipped.
has() {
    command -v "$1" >/dev/null 2>&1 || { skip "$2" "$1 is not installed"; return 1; }
}

# What a tool has to say of the style changes with its version, and the sources follow one: that of
# Debian 12.
clang_format_version=14
shellcheck_version=0.9

# version_of COMMAND: the first number with a dot in what it says of itself.
version_of() { "$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+[0-9.]*' | head -n 1; }

# has_version TOOL VERSION NAME: sets $tool to TOOL, or TOOL-VERSION, if that is of VERSION; else the
# case NAME is skipped.
has_version() {
    for tool in "$1-$2" "$1"; do
        case $(version_of "$tool"). in "$2".*) return 0 ;; esac
    done
    has "$1" "$3" || return 1
    skip "$3" "this is $1 $(version_of "$1"), and the sources follow version $2"
    return 1
}

# The copy, without what the last doctor added: they only add files.
fresh_copy() {
    [ ! -d "$copy" ] || { find "$copy" -name 'doctored.*' -exec rm {} +; return; }
    mkdir "$copy"
    for entry in src tests doc man etc completions dev .ci .clang-format; do
        [ ! -e "$tree/$entry" ] || cp -R "$tree/$entry" "$copy/"
    done
    chmod -R u+w "$copy"
}

# try CHECK NAME WHAT DOCTOR...: finds nothing in the tree, and something in a copy that the
# command DOCTOR, run in it, has doctored.
try() {
    check=$1 name=$2 what=$3
    shift 3
    (cd "$tree" && "$check") >"$scratch/complaints" 2>&1
    [ ! -s "$scratch/complaints" ]
    result $? "$name" "$scratch/complaints"
    fresh_copy
    (cd "$copy" && "$@" && "$check") >"$scratch/noticed" 2>&1
    grep -vxFf "$scratch/complaints" "$scratch/noticed" | grep -q 'doctored'
    result $? "$name: notices $what" "$scratch/noticed"
}

# ---- doctors ----

append() { printf '%b' "$2" >>"$1"; }
functions() { # COUNT LINES: so many functions with so many lines
    awk -v count="$1" -v lines="$2" 'BEGIN {
        while (n++ < count) {
            print "void doctored" n "(void)\n{"
            for (i = 0; i < lines; i++)
                print "    ;"
            print "}"
        }
    }' >src/base/doctored.c
}
long_file() { awk 'BEGIN { while (n++ < 401) print "" }' >src/base/doctored.c; }

# ---- cases ----

name="clang-format has nothing to change"
if [ ! -f "$tree/.clang-format" ]; then
    # A release is not made to be changed, and the next clang-format formats differently.
    skip "$name" "this is a release, not a checkout: .clang-format is not here"
elif has_version clang-format "$clang_format_version" "$name"; then
    clang_format=$tool
    try check_format "$name" "a line that it would" \
        append src/base/doctored.c 'int  doctored ;\n'
fi
name="shellcheck finds nothing in the scripts"
if has_version shellcheck "$shellcheck_version" "$name"; then
    # shellcheck disable=SC2016 # it is for the script
    try check_shell "$name" "a word that is not quoted" \
        append tests/lint/doctored.sh '#!/bin/sh\nrm $1\n'
fi
try check_sh "the tests' scripts are for /bin/sh" "one that is not" \
    append tests/lint/doctored.sh '#!/bin/bash\n'
name="mandoc warns of nothing in the manual pages"
if has mandoc "$name"; then
    try check_pages "$name" "a macro that does not exist" append man/doctored.8 '.Dd today\n.Xy\n'
fi
try check_blanks "no line ends in a blank" "one that does" \
    append src/base/doctored.c 'int doctored; \n'
try check_tabs "there are no tabs" "one" append src/base/doctored.c 'int\tdoctored;\n'
try check_returns "there are no carriage returns" "one" append src/base/doctored.c 'doctored\r\n'
try check_last_lines "every last line has an end" "one without" \
    append src/base/doctored.c 'int doctored;'
try check_promises "nothing is put off in a comment" "a promise" \
    append src/base/doctored.c '/* TO''DO: doctored */\n'
try check_files "no source has more than 400 lines" "one that has" long_file
try check_functions "no function has more than 45 lines" "one that has" functions 1 46
try check_median "half of the functions have at most 12 lines" "that they have 13" functions 3000 13
try check_most "nine in ten functions have at most 20 lines" "that they have 21" functions 1000 21
echo "1..$count"
exit "$failed"
