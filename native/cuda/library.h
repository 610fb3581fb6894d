// A shared library found at run time, so that the engine loads on machines that do not have it.
#pragma once

#include <string>
#include <vector>

namespace olmp::cuda {

class Library {
 public:
  // Loads the first of `names` that is there. Throws Error("no-cuda") naming them all, with `remedy` as what to do.
  Library(const std::vector<std::string>& names, const std::string& remedy);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const std::string& name() const { return name_; }

  // Throws Error("no-cuda") naming library and function.
  template <typename Function>
  void load(Function*& function, const char* symbol) const {
    function = reinterpret_cast<Function*>(address(symbol));
  }

 private:
  void* address(const char* symbol) const;

  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace olmp::cuda
