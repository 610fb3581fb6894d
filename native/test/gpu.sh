#!/bin/sh
# What to run first on a machine with a GPU, without Node: gpu.sh BUILD [parity|sanitize|bench ...]. BUILD is the folder of
# a build of native/ with -DOLMP_ADDON=OFF -DOLMP_BENCH=ON. Without parts named all are run. Stops at the first failure.
set -eu

usage='usage: gpu.sh BUILD [parity|sanitize|bench ...]'
build=$(cd "${1:?$usage}" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- parity sanitize bench

# Every case that runs on the GPU; a skipped one means that there is none.
parity() {
  ctest --test-dir "$build" --output-on-failure -R '_cuda$'
  OLMP_TEST_DEVICE=cuda "$build/golden_test"
}

sanitize() {
  for tool in memcheck racecheck initcheck synccheck; do
    for test in golden_test gradient_check_test cuda_recipe_test cuda_population_test; do
      echo "== compute-sanitizer --tool $tool $test"
      OLMP_TEST_DEVICE=cuda compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/$test"
    done
  done
}

bench() {
  for device in cuda cuda-tf32; do
    for net in lenet300 lenet5; do
      "$build/train_step" $net 64 1 20 $device
      "$build/sparse_step" $net 64 1 20 $device
      "$build/population" $net 0.1 64 1 20 $device
    done
    "$build/train_step" caffenet 256 1 5 $device
  done
  if python3 -c 'import torch' 2>/dev/null; then
    python3 "$here/../../scripts/bench/gpu.py" "$build"
  else
    echo 'PyTorch is not here: ours alone'
  fi
  if [ -n "${MNIST:-}" ]; then  # a folder with train-images-idx3-ubyte and the like
    "$build/compress_mnist" "$MNIST" lenet5 cuda
  fi
}

for part in "$@"; do
  case $part in
    parity | sanitize | bench) "$part" ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done
