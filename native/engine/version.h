#pragma once

namespace olmp {

// The same as in package.json; test/unit/engine/addon.test.ts compares them.
inline constexpr char kEngineVersion[] = "0.1.0";

}  // namespace olmp
