// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tidy/include_rules.h"

namespace llmos::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Floors kFloors = Floors::parse(
    "module base 0 \n"
    "module sync 1 base\n"
    "module predict 1 base\n"
    "module memory 2 predict\n"
    "module observe 2 \n"
    "header status.h base\n"
    "header queue.h sync\n"
    "header memory.h memory\n");

// A tree without offences, to which a test adds one.
SourceTree good_tree() {
  return {{"include/llmos/status.h", "#include <string>\n"},
          {"include/llmos/queue.h", "#include \"llmos/status.h\"\n#include <stddef.h>\n"},
          {"include/llmos/memory.h", "#  include <cstdint>\n"},
          {"src/base/check.h", "#include \"llmos/status.h\"\n"},
          {"src/base/check.cc", "#include \"base/check.h\"\n#include <sys/mman.h>\n"},
          {"src/sync/ring.h", "#include \"base/check.h\"\n#include <immintrin.h>\n"},
          {"src/predict/ewma.h", ""},
          {"src/memory/pool.cc",
           "#include \"predict/ewma.h\"\n#include \"base/check.h\"\n#include \"llmos/memory.h\"\n"},
          {"src/memory/CMakeLists.txt", "#include \"nothing.h\"\n"},
          {"examples/01_pool.cc", "#include <llmos/memory.h>\n#include <cstdio>\n"},
          {"examples/cli/main.cc", "#include \"flags.h\"\n#include \"llmos/status.h\"\n"},
          {"examples/cli/flags.h", ""}};
}

std::string offences_with(const std::string& path, const std::string& text) {
  SourceTree tree = good_tree();
  tree[path] = text;
  return report(check_includes(tree, kFloors));
}

TEST(IncludeRules, AcceptTheGoodTree) {
  EXPECT_THAT(report(check_includes(good_tree(), kFloors)), IsEmpty());
}

TEST(IncludeRules, NameAnUpwardEdge) {
  EXPECT_EQ(offences_with("src/base/bad.h", "\n  #  include \"memory/pool.cc\"\n"),
            "src/base/bad.h:2: refused edge src/base/bad.h (base, floor 0) -> src/memory/pool.cc "
            "(memory, floor 2): only strictly lower floors\n");
}

TEST(IncludeRules, NameASameFloorEdge) {
  EXPECT_THAT(offences_with("src/sync/bad.cc", "#include \"predict/ewma.h\"\n"),
              HasSubstr("src/sync/bad.cc:1: refused edge src/sync/bad.cc (sync, floor 1) -> "
                        "src/predict/ewma.h (predict, floor 1)"));
}

TEST(IncludeRules, NameAnUpwardEdgeToAPublicHeader) {
  for (const char* directive : {"#include \"llmos/memory.h\"\n", "#include <llmos/memory.h>\n"}) {
    EXPECT_THAT(offences_with("src/sync/bad.cc", directive),
                HasSubstr("-> include/llmos/memory.h (memory, floor 2)"));
  }
}

TEST(IncludeRules, NameAnUndeclaredEdge) {
  EXPECT_THAT(offences_with("src/observe/bad.cc", "#include \"sync/ring.h\"\n"),
              HasSubstr("undeclared edge src/observe/bad.cc (observe, floor 2) -> src/sync/ring.h "
                        "(sync, floor 1): add it to DEPS of observe"));
}

TEST(IncludeRules, NameAnUnresolvedInclude) {
  EXPECT_THAT(offences_with("src/base/bad.cc", "#include \"base/gone.h\"\n"),
              HasSubstr("src/base/bad.cc:1: unresolved include of base/gone.h"));
  EXPECT_THAT(offences_with("src/base/bad.cc", "#include <llmos/gone.h>\n"),
              HasSubstr("unresolved include of llmos/gone.h"));
}

TEST(IncludeRules, NameAComputedInclude) {
  EXPECT_THAT(offences_with("src/base/bad.cc", "#include LLMOS_HEADER\n"),
              HasSubstr("src/base/bad.cc:1: computed include"));
}

TEST(IncludeRules, NameAFileOutsideEveryModule) {
  EXPECT_THAT(offences_with("src/stray.cc", ""), HasSubstr("src/stray.cc:0: belongs to no module"));
  EXPECT_THAT(offences_with("src/extra/a.cc", ""), HasSubstr("belongs to no module"));
  EXPECT_THAT(offences_with("kernels/kernels.h", ""), HasSubstr("belongs to no module"));
}

TEST(IncludeRules, KeepPublicHeadersStandAlone) {
  for (const char* name : {"\"base/check.h\"", "<spdlog/spdlog.h>", "<unistd.h>", "\"string\""}) {
    EXPECT_THAT(offences_with("include/llmos/status.h", std::string("#include ") + name),
                HasSubstr("include/llmos/status.h:1: public header includes"))
        << name;
  }
  EXPECT_THAT(offences_with("include/llmos/status.h", "#include \"llmos/queue.h\"\n"),
              HasSubstr("refused edge"));
  EXPECT_THAT(offences_with("include/llmos/new.h", ""), HasSubstr("listed by no module"));
}

TEST(IncludeRules, MissAListedPublicHeader) {
  SourceTree tree = good_tree();
  tree.erase("include/llmos/queue.h");
  EXPECT_THAT(report(check_includes(tree, kFloors)),
              HasSubstr("include/llmos/queue.h:0: listed by module sync, but missing"));
}

TEST(IncludeRules, KeepExamplesOnThePublicApi) {
  for (const char* name : {"\"base/check.h\"", "<nlohmann/json.hpp>", "\"flags.h\""}) {
    EXPECT_THAT(offences_with("examples/bad.cc", std::string("#include ") + name),
                HasSubstr("examples/bad.cc:1: example includes"))
        << name;
  }
  for (const char* name : {"\"base/check.h\"", "<base/check.h>", "\"flags.h\""}) {
    EXPECT_THAT(offences_with("examples/tool/bad.cc", std::string("#include ") + name),
                HasSubstr("examples/tool/bad.cc:1: example includes"))
        << name;
  }
  EXPECT_EQ(offences_with("examples/tool/good.cc", "#include <nlohmann/json.hpp>\n"), "");
}

TEST(IncludeRules, ClosureFollowsEveryDependency) {
  EXPECT_THAT(kFloors.closure("memory"), ::testing::ElementsAre("base", "predict"));
}

TEST(StandardHeaders, AreKnownByName) {
  for (const char* name : {"vector", "cstdint", "stdint.h", "cmath", "span"}) {
    EXPECT_TRUE(is_standard_header(name)) << name;
  }
  for (const char* name : {"unistd.h", "vector.h", "cvector", "sys/mman.h", "", "stdint"}) {
    EXPECT_FALSE(is_standard_header(name)) << name;
  }
}

// The real thing.
TEST(Includes, KeepTheFloors) {
  const SourceTree tree =
      read_tree(LLMOS_TIDY_SOURCE_DIR, {"src", "kernels", "include", "examples"});
  const std::string floors = read_tree(LLMOS_TIDY_BINARY_DIR, {"floors.txt"})["floors.txt"];
  ASSERT_FALSE(floors.empty()) << "no floors.txt in " LLMOS_TIDY_BINARY_DIR;
  ASSERT_TRUE(tree.contains("src/base/check.h"));
  EXPECT_THAT(report(check_includes(tree, Floors::parse(floors))), IsEmpty());
}

}  // namespace
}  // namespace llmos::tidy
