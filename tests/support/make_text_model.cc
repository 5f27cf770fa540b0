// SPDX-License-Identifier: Apache-2.0
// make_text_model FROM TO: the small model that the examples run with as tests.
#include <cstdio>

#include "support/text_model.h"

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: make_text_model FROM TO\n"), 2;
  const llmos::Status status = llmos::test::write_text_model(argv[1], argv[2]);
  if (!status.ok()) return std::fprintf(stderr, "%s\n", status.to_string().c_str()), 1;
  return 0;
}
