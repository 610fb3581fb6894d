// The main of tests that run on any backend (test_device.h): without a GPU those on the GPU are skipped.
#pragma once

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "test/test_device.h"

int main(int argc, char** argv) {
  if (olmp::test::test_device() == "cuda" && !olmp::cuda_info().available) {
    std::printf("SKIPPED: no CUDA device for the tests on the GPU: %s\n", olmp::cuda_info().reason.c_str());
    return 77;  // SKIP_RETURN_CODE of CMakeLists.txt
  }
  doctest::Context context;
  context.applyCommandLine(argc, argv);
  return context.run();
}
