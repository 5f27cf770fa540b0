// SPDX-License-Identifier: Apache-2.0
#include "config/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/llmos_options.h"
#include "every_option.h"

namespace llmos::config {
namespace {

using ::testing::HasSubstr;

TEST(Documents, ExampleReadsBackAsTheDefaults) {
  const std::string example = example_toml(every_table());
  Settings commented(every_table());
  commented.read_toml(example, "example");
  EXPECT_EQ(commented.status().message(), "");
  std::string active;
  for (std::string line : lines(example)) {
    if (line.starts_with('#') && !line.starts_with("# ")) line.erase(0, 1);
    active += line + '\n';
  }
  Settings settings(every_table());
  settings.read_toml(active, "active");
  ASSERT_EQ(settings.status().message(), "");
  for (size_t i = 0; i < settings.settings().size(); ++i) {
    EXPECT_EQ(settings.settings()[i].layer, Layer::kFile) << every_table().rows()[i].name;
    EXPECT_EQ(settings.settings()[i].value, every_table().default_of(i))
        << every_table().rows()[i].name;
  }
}

TEST(Documents, DumpReadsBackAsTheSettings) {
  const char* const flags[] = {"--x.pause=3s", "--x.bytes=5MB", "--y.text=\n\"\x01#"};
  Settings settings(every_table());
  settings.read_flags(flags);
  const std::string dump = dump_toml(settings);
  EXPECT_THAT(dump, HasSubstr("pause = \"3s\"  # flag --x.pause"));
  EXPECT_THAT(dump, HasSubstr("flag = false  # default"));
  Settings again(every_table());
  again.read_toml(dump, "dump");
  ASSERT_EQ(again.status().message(), "");
  for (size_t i = 0; i < settings.settings().size(); ++i)
    EXPECT_EQ(again.settings()[i].value, settings.settings()[i].value);
}

TEST(Documents, DumpIsTomlWhateverAFlagSaid) {
  const char* const flags[] = {"--y.text=\xff/\xc3\xa4\x7f"};
  Settings settings(every_table());
  settings.read_flags(flags);
  Settings again(every_table());
  again.read_toml(dump_toml(settings), "dump");
  ASSERT_EQ(again.status().message(), "");
  EXPECT_EQ(again.options<Every>().text, "\xef\xbf\xbd/\xc3\xa4\x7f");
}

TEST(Documents, NameEveryOption) {
  const std::string markdown = reference_markdown(llmos_options());
  const std::string help = help_text(llmos_options());
  for (const Option& row : llmos_options().rows()) {
    EXPECT_THAT(markdown, HasSubstr("| `" + std::string(row.name) + "` |"));
    EXPECT_THAT(markdown, HasSubstr("`" + variable_name(row.name) + "`"));
    EXPECT_THAT(help, HasSubstr("--" + std::string(row.name) + "="));
  }
  EXPECT_THAT(markdown, HasSubstr("| `threads.count` | 0 | 0 to 4096 threads | Threads that "
                                  "compute; 0: one per usable core. | `LLMOS_THREADS_COUNT` |\n"));
  EXPECT_THAT(help, HasSubstr("Allowed: auto, none, explicit. Default: auto."));
}

}  // namespace
}  // namespace llmos::config
