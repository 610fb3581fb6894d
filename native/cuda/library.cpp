#include "cuda/library.h"

#include "engine/error.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace olmp::cuda {
namespace {

#ifdef _WIN32
void* open_library(const std::string& name) { return LoadLibraryA(name.c_str()); }
void* find_symbol(void* library, const char* symbol) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), symbol));
}
void close_library(void* library) { FreeLibrary(static_cast<HMODULE>(library)); }
std::string failure_of(const std::string&) { return {}; }
#else
// Never unloaded: libraries of CUDA register themselves with the driver for the life of the process.
void* open_library(const std::string& name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); }
void* find_symbol(void* library, const char* symbol) { return dlsym(library, symbol); }
void close_library(void* library) { dlclose(library); }
// Why it did not load, where it is there: what it depends on is missing, or too old.
std::string failure_of(const std::string& name) {
  const char* error = dlerror();
  const std::string text = error == nullptr ? "" : error;
  return text.rfind(name + ": cannot open shared object file", 0) == 0 ? std::string() : text;
}
#endif

}  // namespace

Library::Library(const std::vector<std::string>& names, const std::string& remedy) {
  std::string tried;
  for (const std::string& name : names) {
    handle_ = open_library(name);
    if (handle_ != nullptr) {
      name_ = name;
      return;
    }
    const std::string failure = failure_of(name);
    tried += (tried.empty() ? "" : ", ") + name + (failure.empty() ? "" : " (" + failure + ')');
  }
  throw Error("no-cuda", "none of the libraries " + tried + " could be loaded. " + remedy);
}

Library::~Library() { close_library(handle_); }

void* Library::address(const char* symbol) const {
  void* found = find_symbol(handle_, symbol);
  if (found == nullptr) {
    throw Error("no-cuda", "the library " + name_ + " lacks the function " + symbol + ". Install a newer version of it.");
  }
  return found;
}

}  // namespace olmp::cuda
