#!/usr/bin/env bash
# Builds and runs one consumer project: build.sh KIND SOURCE_DIR BINARY_DIR CXX
set -euo pipefail
kind=$1 source=$2 binary=$3 cxx=$4
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
consumers="$source/tests/consumers"

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
