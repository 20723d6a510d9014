# SPDX-License-Identifier: MIT
# Each public function, protocol, transport and option of nncat has its place in a manual page, and pages that refer
# to others refer to pages that exist.
. "${0%/*}/libnncat.sh"
man=$NANOSEAL_SOURCE/docs/man

sed -n 's/^NN_EXPORT[^(]*[ *]\(nn_[a-z_]*\)(.*/\1/p' "$NANOSEAL_SOURCE"/include/nanomsg/*.h >functions
[ "$(wc -l <functions)" -gt 35 ] || fail 'the functions were not found'
while read -r function; do
    [ -s "$man/$function.3" ] || fail "no page for $function"
done <functions

# A protocol or a transport each, but for these two.
for header in "$NANOSEAL_SOURCE"/include/nanomsg/*.h; do
    name=$(basename "$header" .h)
    case $name in nn | nanoseal) continue ;; esac
    [ -s "$man/nn_$name.7" ] || fail "no page for $name"
    grep -q "nn_$name..R(7)" "$man/nanoseal.7" || fail "nanoseal(7) does not name nn_$name(7)"
done

for page in "$man"/*.[1357]; do
    target=$(sed -n 's/^\.so man.\///p' "$page")
    [ -z "$target" ] || [ -s "$man/$target" ] || fail "$page: no $target"
    sed -n 's/.*\\fB\(n[n_a-z\\-]*\)\\fR(\([1357]\)).*/\1.\2/p' "$page" | tr -d '\\' >references
    while read -r reference; do
        [ -s "$man/$reference" ] || fail "$page: no $reference"
    done <references
done

"$nncat" --help | sed -n 's/^  \(-.,\|   \) --\([a-z0-9-]*\).*/\2/p' >options
[ "$(wc -l <options)" -gt 35 ] || fail 'the options were not found'
tr -d '\\' <"$man/nncat.1" >page
while read -r option; do
    grep -q -- "--$option" page || fail "nncat.1 lacks --$option"
done <options
