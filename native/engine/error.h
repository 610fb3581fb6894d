// Errors that reach a person: a stable code for programs, a sentence for people, the file at fault if there is one.
#pragma once

#include <stdexcept>
#include <string>

namespace olmp {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message, std::string file = {})
      : std::runtime_error(message), code_(std::move(code)), file_(std::move(file)) {}
  const std::string& code() const noexcept { return code_; }
  const std::string& file() const noexcept { return file_; }

 private:
  std::string code_;
  std::string file_;
};

}  // namespace olmp
