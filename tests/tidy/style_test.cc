// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tidy/style_rules.h"

namespace llmos::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kSpdx = "// SPDX-License-Identifier: Apache-2.0\n";

std::string style_of(const std::string& path, const std::string& text) {
  return report(check_style({{path, text}}));
}

TEST(StyleRules, AcceptGoodFiles) {
  EXPECT_THAT(style_of("src/a.h", kSpdx + "#pragma once\n"), IsEmpty());
  EXPECT_THAT(style_of("src/a.cc", kSpdx + "int a;\n"), IsEmpty());
  EXPECT_THAT(style_of("a.sh", "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n"), IsEmpty());
  EXPECT_THAT(style_of("notes.md",
                       "TO"
                       "DO\t"),
              IsEmpty());
}

TEST(StyleRules, WantTheSpdxLine) {
  EXPECT_EQ(style_of("src/a.cc", "int a;\n"), "src/a.cc:1: expected the SPDX line\n");
  EXPECT_EQ(style_of("a.sh", "#!/bin/bash\ntrue\n"), "a.sh:2: expected the SPDX line\n");
  EXPECT_THAT(style_of("src/a.cc", ""), HasSubstr("expected the SPDX line"));
}

TEST(StyleRules, WantPragmaOnce) {
  EXPECT_EQ(style_of("src/a.h", kSpdx), "src/a.h:0: header without #pragma once\n");
}

TEST(StyleRules, CountColumnsAsCharacters) {
  const std::string comment = "// ";
  EXPECT_THAT(style_of("a.cc", kSpdx + comment + std::string(97, 'x') + "\n"), IsEmpty());
  EXPECT_EQ(style_of("a.cc", kSpdx + comment + std::string(98, 'x') + "\n"),
            "a.cc:2: line of 101 columns: at most 100\n");
  std::string arrows;
  for (int i = 0; i < 97; ++i) arrows += "→";
  EXPECT_THAT(style_of("a.cc", kSpdx + comment + arrows + "\n"), IsEmpty());
}

TEST(StyleRules, RefuseTabsBlanksAndUnfinishedWork) {
  EXPECT_EQ(style_of("a.cc", kSpdx + "\tint a;\n"), "a.cc:2: tab: indent by two spaces\n");
  EXPECT_EQ(style_of("a.cc", kSpdx + "int a; \n"), "a.cc:2: blank at the end of the line\n");
  EXPECT_EQ(style_of("a.cc", kSpdx + "// TO"
                                     "DO: more\n"),
            "a.cc:2: note of unfinished work\n");
  EXPECT_EQ(style_of("a.cc", kSpdx + "int a;"), "a.cc:0: no newline at the end\n");
}

std::string mirror_of(const SourceTree& tree, const char* exemptions) {
  return report(check_mirror(tree, exemptions, "exempt.txt"));
}

TEST(MirrorRules, WantOneTestPerUnit) {
  const SourceTree tree = {{"src/kv/pool.h", ""},
                           {"src/kv/pool.cc", ""},
                           {"src/kv/types.h", ""},
                           {"src/kv/CMakeLists.txt", ""},
                           {"tests/kv/pool_test.cc", ""}};
  EXPECT_EQ(mirror_of(tree, ""), "src/kv/types:0: expected its test at tests/kv/types_test.cc\n");
  EXPECT_THAT(mirror_of(tree, "# why\nsrc/kv/types  # plain data\n"), IsEmpty());
  const SourceTree kernels = {{"kernels/ref/norm.cc", ""}};
  EXPECT_EQ(mirror_of(kernels, ""),
            "kernels/ref/norm:0: expected its test at tests/kernels/ref/norm_test.cc\n");
}

TEST(MirrorRules, WantExemptionsUsedAndExplained) {
  const SourceTree tree = {{"src/kv/pool.h", ""}, {"tests/kv/pool_test.cc", ""}};
  EXPECT_EQ(mirror_of(tree, "src/kv/pool # old\n"),
            "exempt.txt:1: src/kv/pool needs no exemption: remove it\n");
  EXPECT_EQ(mirror_of(tree, "src/kv/pool\n"),
            "exempt.txt:1: exemption without a reason behind ' # '\n");
}

TEST(MapRules, WantEveryModuleWithItsFloor) {
  const Floors floors = Floors::parse("module base 0 \nmodule kv 4 base\n");
  const auto map = [&](const std::string& text) {
    return report(check_map({{"src/README.md", text}}, "src/README.md", floors));
  };
  EXPECT_THAT(map("src/\n├─ base/   F0  check\n├─ kv/  F4\n└─ api/  F9 planned  facade\n"),
              IsEmpty());
  EXPECT_EQ(map("├─ base/ F0\n"), "src/README.md:0: expected a line for kv/ F4\n");
  EXPECT_EQ(map("├─ base/ F1\n├─ kv/ F4\n"), "src/README.md:1: base has floor 0, not 1\n");
  EXPECT_EQ(map("├─ base/ F0\n├─ kv/ F4\n├─ gone/ F5\n"), "src/README.md:3: no module gone\n");
  EXPECT_THAT(map("├─ base/ F0\n├─ kv/ F4 planned\n"), HasSubstr("kv is marked planned"));
}

// The real thing.
class Repository : public ::testing::Test {
 protected:
  const SourceTree tree_ =
      read_tree(LLMOS_TIDY_SOURCE_DIR, {"src", "include", "kernels", "tests", "bench", "examples",
                                        ".ci", "CMakeLists.txt", "Makefile"});
  const Floors floors_ =
      Floors::parse(read_tree(LLMOS_TIDY_BINARY_DIR, {"floors.txt"})["floors.txt"]);
};

TEST_F(Repository, KeepsTheStyle) {
  ASSERT_TRUE(tree_.contains("src/base/check.h"));
  EXPECT_THAT(report(check_style(tree_)), IsEmpty());
  std::fputs(report(long_files(tree_)).c_str(), stdout);
}

TEST_F(Repository, MirrorsSourcesInTests) {
  const std::string path = "tests/tidy/mirror_exempt.txt";
  EXPECT_THAT(report(check_mirror(tree_, tree_.at(path), path)), IsEmpty());
}

TEST_F(Repository, MatchesItsMap) {
  ASSERT_FALSE(floors_.modules.empty());
  EXPECT_THAT(report(check_map(tree_, "src/README.md", floors_)), IsEmpty());
}

}  // namespace
}  // namespace llmos::tidy
