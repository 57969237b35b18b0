#!/bin/sh
# Runs a fuzz target from its seeds and what earlier runs have found, with its dictionary and its limits:
#
#     ./run.sh TARGET [libFuzzer options, such as -max_total_time=300]
#
# On a stable toolchain set RUSTC_BOOTSTRAP=1, see README.md.
set -eu
cd "$(dirname "$0")"
target=$1
shift
mkdir -p "corpus/$target"
set -- "$@" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512
[ -f "dictionaries/$target.dict" ] && set -- "$@" "-dict=dictionaries/$target.dict"
case $target in
image) seeds="seeds/image ../tests/fixtures/kinds ../tests/fixtures/broken" ;;
*) seeds="seeds/$target" ;;
esac
# shellcheck disable=SC2086
exec cargo fuzz run "$target" "corpus/$target" $seeds -- "$@"
