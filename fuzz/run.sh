#!/bin/sh
# make fuzz [SECONDS_EACH=60]: builds every target with libFuzzer and runs each for a while.
# What breaks one is left in build-fuzz/found/ as a file to be replayed.
set -eu
seconds=${1:-60}
build=build-fuzz
[ -f $build/build.ninja ] || CC=clang meson setup $build -Dfuzz=true -Db_lundef=false
ninja -C $build
mkdir -p $build/found
failed=0 passed=0
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=${target##*/fuzz_}
    mkdir -p "$build/corpus/$name" "fuzz/corpus/$name"
    echo "fuzz: $name for $seconds s"
    if "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=5 \
        -artifact_prefix="$build/found/$name-" -print_final_stats=0 \
        "$build/corpus/$name" "fuzz/corpus/$name" >"$build/found/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -30 "$build/found/$name.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
