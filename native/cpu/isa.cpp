#include "cpu/isa.h"

#include <dnnl.h>

#include <cstdlib>
#include <cstring>

#include "engine/error.h"

namespace olmp {
namespace {

CpuIsa detect() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    throw Error("unsupported-cpu", "This processor has no AVX2 and FMA instructions, which the engine needs (Intel since "
                                   "2013, AMD since 2015).");
  }
  const char* cap = std::getenv("OLMP_MAX_CPU_ISA");
  const bool capped = cap != nullptr && std::strcmp(cap, "AVX2") == 0;
  if (capped) {
    // Refused only after oneDNN's first use in this process; it then keeps what it has, and results stay right.
    dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  }
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 && !capped ? CpuIsa::kAvx512 : CpuIsa::kAvx2;
}

}  // namespace

CpuIsa cpu_isa() {
  static const CpuIsa isa = detect();
  return isa;
}

const char* cpu_isa_name(CpuIsa isa) { return isa == CpuIsa::kAvx512 ? "AVX512" : "AVX2"; }

}  // namespace olmp
