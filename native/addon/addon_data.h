// What the addon keeps per JavaScript environment (main process, utility process, worker thread).
#pragma once

#include <napi.h>

namespace olmp {

struct AddonData {
  Napi::FunctionReference session;
  Napi::FunctionReference lmdb_writer;
};

}  // namespace olmp
