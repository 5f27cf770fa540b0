// SPDX-License-Identifier: Apache-2.0
// A program that knows LLMOS only through its public headers. Ends with 0 when everything answered
// as documented.
#include <llmos/extend.h>
#include <llmos/status.h>
#include <llmos/version.h>

#include <cstdio>
#include <string>

namespace {

bool expect(bool ok, const char* what) {
  if (!ok) std::fprintf(stderr, "expected %s\n", what);
  return ok;
}

llmos::Result<int> half(int value) {
  if (value % 2 != 0) return llmos::Status(llmos::Code::kInvalid, "odd");
  return value / 2;
}

}  // namespace

int main() {
  bool ok =
      expect(std::string(llmos::version()) == LLMOS_EXPECTED_VERSION, "the library's version");
  ok &= expect(std::string(LLMOS_VERSION) == LLMOS_EXPECTED_VERSION, "the headers' version");
  ok &= expect(half(4).value() == 2, "a value");
  ok &= expect(half(3).status().to_string() == "invalid: odd", "a status");
  llmos::set_log_sink(nullptr);
  std::printf("llmos %s\n", llmos::version());
  return ok ? 0 : 1;
}
