# SPDX-License-Identifier: MIT
# The test suite of NanoMsg::Raw, from Debian's source package, with Debian's binary of it on this library.
# NANOSEAL_PERL_RAW may name the unpacked source; without it apt fetches it, with lists of its own.
. "${0%/*}/libdropin.sh"
for module in NanoMsg::Raw Test::Fatal Test::TCP Test::SharedFork; do
    needs "Perl's $module" perl -M$module -e 1
done
leads_here "$(perl -MNanoMsg::Raw -e 'print grep { m,NanoMsg/Raw/Raw.so, } @DynaLoader::dl_shared_objects')"

# fetch: unpacks the package's source into ./source, from the mirror that this machine uses.
fetch()
{
    needs 'apt-get' command -v apt-get
    set -- $(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 !~ /-/ { print; exit }')
    [ $# -eq 2 ] || { echo 'skipped: apt has no mirror'; exit 77; }
    mkdir -p state/lists/partial cache/archives/partial fetched
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 $2 main" >sources.list
    cat >apt.conf <<END
Dir::State "$dir/state";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Sandbox::User "root";
END
    export APT_CONFIG="$dir/apt.conf"
    timeout 120 apt-get -qq update >apt.err 2>&1 &&
        (cd fetched && timeout 120 apt-get -qq source --tar-only libnanomsg-raw-perl) >>apt.err 2>&1 ||
        { tail -n 3 apt.err; echo 'skipped: the source cannot be fetched'; exit 77; }
    mkdir source
    tar -xf fetched/*.orig.tar.* -C source --strip-components=1
}

source=${NANOSEAL_PERL_RAW:-}
[ -n "$source" ] || { fetch; source=$dir/source; }
cp -r "$source/t" t

failed=
for test in t/*.t; do
    if ! ours timeout 120 perl "$test" >tap 2>perl.err || grep -q '^not ok' tap; then
        failed="$failed $test"
        grep '^not ok' tap || true
        tail -n 20 perl.err
    fi
    cat tap >>all
done
[ -z "$failed" ] || fail "failed:$failed"
count=$(grep -c '^ok' all)
[ "$count" -gt 2000 ] || fail "only $count tests ran"
echo "$count tests of NanoMsg::Raw (one opens sockets until there are no more)"
