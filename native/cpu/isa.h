// Which instruction set the kernels use on this machine.
#pragma once

namespace olmp {

enum class CpuIsa { kAvx2, kAvx512 };

// The best set that processor and operating system have, capped by the environment variable OLMP_MAX_CPU_ISA=AVX2; caps
// oneDNN alike. Throws Error("unsupported-cpu") on a processor without AVX2 and FMA.
CpuIsa cpu_isa();

const char* cpu_isa_name(CpuIsa isa);  // 'AVX2' or 'AVX512'

}  // namespace olmp
