// SPDX-License-Identifier: Apache-2.0
#include "llmos/c.h"

#include <gtest/gtest.h>

#include "api/c_calls.h"
#include "api/golden_model.h"
#include "support/temp_dir.h"
#include "support/text_model.h"

namespace llmos::test {
namespace {

// The calls are made by C code (c_calls.c); each answers the line of its first failure.
class CApi : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_text_model(golden_path("llama2/model.gguf"), path_).ok());
  }
  TempDir dir_;
  const std::string path_ = dir_ / "text.gguf";
};

TEST_F(CApi, Answers) { EXPECT_EQ(c_answers(path_.c_str()), 0); }
TEST_F(CApi, TakesEveryOption) { EXPECT_EQ(c_takes_every_option(path_.c_str()), 0); }
TEST_F(CApi, SharesABudget) { EXPECT_EQ(c_shares_a_budget(path_.c_str()), 0); }
TEST_F(CApi, LimitsTenants) { EXPECT_EQ(c_limits_tenants(path_.c_str()), 0); }
TEST_F(CApi, SchedulesAndMasks) { EXPECT_EQ(c_schedules_and_masks(path_.c_str()), 0); }
TEST_F(CApi, PinsAndMaps) { EXPECT_EQ(c_pins_and_maps(path_.c_str(), dir_.path().c_str()), 0); }
TEST_F(CApi, TakesNull) { EXPECT_EQ(c_takes_null(), 0); }
TEST_F(CApi, RefusesBadArguments) { EXPECT_EQ(c_refuses_bad_arguments(path_.c_str()), 0); }
TEST_F(CApi, TakesOlderStructs) { EXPECT_EQ(c_takes_older_structs(path_.c_str()), 0); }
TEST_F(CApi, SuspendsAndResumes) { EXPECT_EQ(c_suspends_and_resumes(path_.c_str()), 0); }
TEST_F(CApi, CallsBack) { EXPECT_EQ(c_calls_back(path_.c_str()), 0); }
TEST_F(CApi, ScoresAndEmbeds) { EXPECT_EQ(c_scores_and_embeds(path_.c_str()), 0); }

}  // namespace
}  // namespace llmos::test
