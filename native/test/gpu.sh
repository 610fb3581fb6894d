#!/bin/sh
# What to run first on a machine with a GPU, without Node: gpu.sh BUILD [parity|sanitize|bench ...]. BUILD is the folder of
# a build of native/ with -DOLMP_ADDON=OFF -DOLMP_BENCH=ON. Without parts named all are run. A failure does not keep the rest
# from running; what failed is named at the end.
set -eu

usage='usage: gpu.sh BUILD [parity|sanitize|bench ...]'
build=$(cd "${1:?$usage}" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- parity sanitize bench
for part in "$@"; do
  case $part in
    parity | sanitize | bench) ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done

# All test programs that run on any device.
tests=$(cd "$here" && grep -l '"test/test_main.h"' -- *_test.cpp | sed 's/\.cpp$//')
failed=

run() {
  echo "== $*"
  "$@" || failed="$failed
  $*"
}

on_gpu() { run env OLMP_TEST_DEVICE=cuda "$@"; }

parity() {
  for test in $tests; do on_gpu "$build/$test"; done
}

sanitize() {
  sanitizer=$(command -v compute-sanitizer || echo "${CUDA_PATH:-/usr/local/cuda}/bin/compute-sanitizer")
  for test in $tests; do on_gpu "$sanitizer" --tool memcheck --error-exitcode 1 "$build/$test"; done
  # Between them these start every kernel whose threads share memory.
  for tool in racecheck synccheck; do
    for test in golden_test gradient_check_test mask_test recipe_test cuda_test cuda_population_test; do
      on_gpu "$sanitizer" --tool "$tool" --error-exitcode 1 "$build/$test"
    done
  done
  # To be read: what cuBLAS and cuDNN leave unwritten between rows of their work space, they may also read.
  for test in golden_test mask_test cuda_population_test; do on_gpu "$sanitizer" --tool initcheck "$build/$test"; done
}

bench() {
  for device in cuda cuda-tf32; do
    for net in lenet300 lenet5; do
      run "$build/train_step" $net 64 1 20 $device
      run "$build/sparse_step" $net 64 1 20 $device
      run "$build/population" $net 0.1 64 1 20 $device
    done
    run "$build/train_step" caffenet 256 1 5 $device
  done
  if python3 -c 'import torch' 2>/dev/null; then
    run python3 "$here/../../scripts/bench/gpu.py" "$build"
  else
    echo 'PyTorch is not here: ours alone'
  fi
  if [ -n "${MNIST:-}" ]; then  # a folder with train-images-idx3-ubyte and the like
    for net in lenet300 lenet5; do run "$build/compress_mnist" "$MNIST" $net cuda; done
  fi
}

# Every test would skip itself, which is no success here.
told=$(OLMP_TEST_DEVICE=cuda "$build/mask_test" --list-test-cases) || { echo "$told" >&2; exit 1; }
for part in "$@"; do "$part"; done
if [ -n "$failed" ]; then
  echo "FAILED:$failed" >&2
  exit 1
fi
