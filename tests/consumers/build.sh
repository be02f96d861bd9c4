#!/usr/bin/env bash
# Builds and runs one consumer project: build.sh KIND SOURCE_DIR BINARY_DIR CXX
set -euo pipefail
kind=$1 source=$2 binary=$3 cxx=$4
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
consumers="$source/tests/consumers"

must_fail() {
  if "$@"; then
    echo "passed, but must not: $*" >&2
    exit 1
  fi
}

case "$kind" in
  add_subdirectory)
    cmake -S "$consumers/$kind" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DHOLDFAST_SOURCE="$source"
    cmake --build "$work/build" --target consumer
    "$work/build/consumer"
    ;;
  find_package)
    cmake --install "$binary" --prefix "$work/prefix"
    cmake -S "$consumers/$kind" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$work/prefix"
    cmake --build "$work/build"
    "$work/build/consumer"
    # The installed tool finds the installed libraries.
    mkdir "$work/dumps"
    test "$("$work/prefix/bin/holdfast" run --exact --dump "$work/dumps" -- echo hello)" = hello
    ls "$work"/dumps/heap.*.pb.gz >/dev/null
    ;;
  frameworks)
    cmake --install "$binary" --prefix "$work/prefix"
    cmake -S "$consumers/$kind" -B "$work/build" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$work/prefix"
    cmake --build "$work/build"
    # Numbers for every test; of the two that leak, the macro sees one and a strict listener the other too.
    "$work/build/gtest_consumer" --gtest_filter='Clean.*' --gtest_output="xml:$work/clean.xml"
    grep -q 'name="heap_growth_bytes" value="0"' "$work/clean.xml"
    must_fail "$work/build/gtest_consumer" --gtest_filter=Leaking.AKilobyteEachCall >"$work/leak.txt"
    grep -q 'each call leaves 1024 bytes in 1 blocks behind' "$work/leak.txt"
    "$work/build/gtest_consumer" --gtest_filter=Leaking.OnceInATest
    must_fail "$work/build/gtest_consumer" --gtest_filter=Leaking.OnceInATest fail >"$work/once.txt"
    grep -q 'Leaking.OnceInATest left 100[0-9]* bytes in' "$work/once.txt"
    # Ten iterations of a kilobyte, in a run of their own.
    "$work/build/benchmark_consumer" --benchmark_format=json >"$work/benchmark.json"
    grep -Eq '"net_heap_growth": 10240' "$work/benchmark.json"
    grep -Eq '"allocs_per_iter": 1\.[01]' "$work/benchmark.json" # the runner itself may add one
    "$work/build/later_benchmark_consumer"
    ;;
  pkg_config)
    cmake --install "$binary" --prefix "$work/prefix"
    PKG_CONFIG_PATH="$(dirname "$(find "$work/prefix" -name holdfast.pc)")"
    export PKG_CONFIG_PATH
    # The package was configured for another prefix: pkg-config takes the one where it lies.
    read -ra flags < <(pkg-config --define-prefix --cflags --libs holdfast)
    "$cxx" -std=c++20 "$consumers/main.cc" -o "$work/consumer" "${flags[@]}"
    "$work/consumer"
    ;;
esac
