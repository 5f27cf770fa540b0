// SPDX-License-Identifier: Apache-2.0
#include "engine/mailbox.h"

#include <gtest/gtest.h>

namespace llmos::engine {
namespace {

std::unique_ptr<Work> work(uint32_t choices) {
  auto made = std::make_unique<Work>();
  for (uint32_t i = 0; i < choices; ++i) made->samplers.push_back(Sampler::create({}, 4).value());
  return made;
}

TEST(Mailbox, CountsChoicesAgainstItsBound) {
  Mailbox mailbox(3);
  auto two = work(2), more = work(2), one = work(1);
  EXPECT_TRUE(mailbox.post_work(two).ok());
  EXPECT_EQ(mailbox.post_work(more).code(), Code::kExhausted);
  EXPECT_TRUE(more);  // still ours
  EXPECT_TRUE(mailbox.post_work(one).ok());
  EXPECT_EQ(mailbox.waiting(), 3u);
  EXPECT_EQ((*mailbox.take_work())->samplers.size(), 2u);
  mailbox.left_queue(2, "");
  EXPECT_TRUE(mailbox.post_work(more).ok());
}

TEST(Mailbox, ATenantFillsOnlyItsShare) {
  TenantLimits limits;
  limits.all.queue_max = 2;
  Mailbox mailbox(10, limits);
  auto two = work(2), more = work(1), other = work(2);
  two->request.tenant = more->request.tenant = "a";
  EXPECT_TRUE(mailbox.post_work(two).ok());
  const Status refused = mailbox.post_work(more);
  EXPECT_EQ(refused.code(), Code::kExhausted);
  EXPECT_NE(refused.message().find("tenant"), std::string::npos);
  EXPECT_TRUE(mailbox.post_work(other).ok());
  mailbox.left_queue(1, "a");
  EXPECT_TRUE(mailbox.post_work(more).ok());
  EXPECT_EQ(mailbox.waiting(), 4u);
}

TEST(Mailbox, RefusesADeadlineThatCannotBeMet) {
  Mailbox mailbox(100);
  auto one = work(1);
  one->prompt.assign(100, 1);
  one->request.tokens_max = 100;
  const Instant now(std::chrono::seconds(50));
  one->deadline = now + std::chrono::milliseconds(1);
  EXPECT_TRUE(mailbox.admit(*one, now).ok());  // nothing is known yet
  mailbox.publish({.output_tokens_mean = 100, .context_tokens_mean = 100, .kv_tokens = 10'000}, {},
                  0);
  EXPECT_EQ(mailbox.admit(*one, now).code(), Code::kDeadline);
  one->deadline = now + std::chrono::hours(1);
  EXPECT_TRUE(mailbox.admit(*one, now).ok());
  mailbox.publish({.waiting_bound = 9, .kv_tokens = 10'000}, {}, 5);
  EXPECT_EQ(mailbox.admit(*one, now).code(), Code::kExhausted);
}

TEST(Mailbox, AcceptsNothingWhenClosed) {
  Mailbox mailbox(3);
  mailbox.close();
  auto one = work(1);
  EXPECT_EQ(mailbox.post_work(one).code(), Code::kCancelled);
  EXPECT_EQ(mailbox.waiting(), 0u);
}

TEST(Mailbox, NotesThatDoNotFitBecomeASweep) {
  Mailbox mailbox(3);
  for (uint64_t i = 0; i < 5000; ++i) mailbox.post_note({i, Mailbox::Note::kCancel});
  uint64_t notes = 0;
  while (mailbox.take_note()) ++notes;
  EXPECT_LT(notes, 5000u);
  EXPECT_TRUE(mailbox.take_sweep());
  EXPECT_FALSE(mailbox.take_sweep());
}

}  // namespace
}  // namespace llmos::engine
