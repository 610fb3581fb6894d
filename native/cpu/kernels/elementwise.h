#pragma once

#include <cstdint>

#include "engine/backend.h"

namespace olmp::OLMP_ISA {

void update(const UpdateRule& rule, float* value, const float* diff, float* history, float* history2, std::int64_t n);
void abs_moments(const float* values, std::int64_t n, Backend::AbsMoments* moments);
double sum(const float* values, std::int64_t n);
double sum_of_squares(const float* values, std::int64_t n);
std::int64_t update_mask(float* mask, const float* values, float prune_at, float keep_above, std::int64_t n);
std::int64_t remask(float* mask, float* masked, const float* values, float prune_at, float keep_above, std::int64_t n,
                    bool& changed);
void keep_masked(float* masked, const float* values, const float* mask, std::int64_t n);
std::int64_t nonzero(const float* values, std::int64_t n, std::int32_t first, std::int32_t* places);
void multiply(float* out, const float* a, const float* b, std::int64_t n);
void fill(float* values, float value, std::int64_t n);
void negative_power(float* out, const float* base, float power, std::int64_t n);
void add(float* to, const float* from, std::int64_t n);

}  // namespace olmp::OLMP_ISA
