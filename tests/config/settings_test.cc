// SPDX-License-Identifier: Apache-2.0
#include "config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/documents.h"
#include "config/llmos_options.h"
#include "config/toml_file.h"
#include "llmos/options.h"
#include "support/temp_dir.h"

namespace llmos::config {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Color : uint8_t { kRed, kGreen };

// One option of every kind.
struct Every {
  bool flag{};
  int32_t integer{-3};
  uint16_t count{7};
  uint64_t bytes{4096};
  std::chrono::milliseconds pause{250};
  double ratio{0.5};
  Color color{Color::kGreen};
  std::string text{"a \"b\"\\c\t"};
  std::vector<int32_t> list{0, 1};
};

constexpr std::string_view kColors[] = {"red", "green"};

const OptionTable& every_table() {
  static const OptionTable table = OptionTable::of<Every>({
      option<&Every::flag>("x.flag", "A flag."),
      option<&Every::integer>("x.integer", "A number.", {-10, 10}),
      option<&Every::count>("x.count", "A count.", {1, 100}, "things"),
      bytes_option<&Every::bytes>("x.bytes", "A size.", {0, uint64_t{1} << 40}),
      option<&Every::pause>("x.pause", "A time.", {0ms, 10s}),
      option<&Every::ratio>("x.ratio", "A share.", {0, 1}),
      enum_option<&Every::color>("y.color", "A color.", kColors),
      option<&Every::text>("y.text", "A text."),
      option<&Every::list>("y.list", "A list.", {0, 64}),
  });
  return table;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// The error list of one document for Every.
std::string toml_errors(std::string_view text) {
  Settings settings(every_table());
  settings.read_toml(text, "f.toml");
  return settings.status().message();
}

TEST(Settings, TomlSetsEveryKind) {
  Settings settings(every_table());
  settings.read_toml(R"(
[x]
flag = true
integer = 9
count = 0x10
bytes = "3KiB"
pause = "2s"
ratio = 1
[y]
color = "red"
text = 'plain'
list = [5, 6]
)",
                     "f.toml");
  ASSERT_TRUE(settings.status().ok()) << settings.status().message();
  const Every got = settings.options<Every>();
  EXPECT_TRUE(got.flag);
  EXPECT_EQ(got.integer, 9);
  EXPECT_EQ(got.count, 16);
  EXPECT_EQ(got.bytes, 3072u);
  EXPECT_EQ(got.pause, 2000ms);
  EXPECT_EQ(got.ratio, 1.0);
  EXPECT_EQ(got.color, Color::kRed);
  EXPECT_EQ(got.text, "plain");
  EXPECT_THAT(got.list, ElementsAre(5, 6));
  EXPECT_EQ(settings.settings()[2].place, "f.toml:5");
}

TEST(Settings, NothingReadMeansDefaults) {
  const Every got = Settings(every_table()).options<Every>();
  EXPECT_EQ(got.integer, -3);
  EXPECT_EQ(got.pause, 250ms);
  EXPECT_EQ(got.text, Every{}.text);
  EXPECT_EQ(got.list, Every{}.list);
}

TEST(Settings, StrongerLayersWinWhateverTheOrder) {
  const char* const environment[] = {"LLMOS_X_COUNT=20", "LLMOS_X_INTEGER=2", "HOME=/", nullptr};
  const char* const flags[] = {"--x.count=30"};
  Settings settings(every_table());
  settings.read_flags(flags);
  settings.read_environment(environment);
  settings.read_toml("x.count = 10\nx.integer = 1\nx.ratio = 0.25", "f.toml");
  ASSERT_TRUE(settings.status().ok()) << settings.status().message();
  const Every got = settings.options<Every>();
  EXPECT_EQ(got.count, 30);
  EXPECT_EQ(got.integer, 2);
  EXPECT_EQ(got.ratio, 0.25);
  const auto place = [&](const char* name) {
    return settings.settings()[*every_table().find(name)].place;
  };
  EXPECT_EQ(place("x.count"), "flag --x.count");
  EXPECT_EQ(place("x.integer"), "variable LLMOS_X_INTEGER");
  EXPECT_EQ(place("x.ratio"), "f.toml:3");
  EXPECT_EQ(place("x.flag"), "default");
}

TEST(Settings, FlagsTakeBothFormsAndLeaveTheRest) {
  const char* const flags[] = {
      "run",       "--x.count",    "5",           "--x.flag", "model.gguf",
      "--verbose", "--y.text=a=b", "--x.count=6", "--",       "--x.count=7"};
  Settings settings(every_table());
  EXPECT_THAT(settings.read_flags(flags),
              ElementsAre("run", "model.gguf", "--verbose", "--x.count=7"));
  ASSERT_TRUE(settings.status().ok()) << settings.status().message();
  const Every got = settings.options<Every>();
  EXPECT_TRUE(got.flag);
  EXPECT_EQ(got.count, 6);
  EXPECT_EQ(got.text, "a=b");
}

TEST(Settings, FlagErrors) {
  const char* const flags[] = {"--x.cuont=5", "--x.flag=maybe", "--x.count=101", "--x.count"};
  Settings settings(every_table());
  settings.read_flags(flags);
  EXPECT_THAT(lines(settings.status().message()),
              ElementsAre("flag --x.cuont: unknown option \"x.cuont\"; did you mean x.count?",
                          "flag --x.flag: x.flag: expected a boolean (true or false), found "
                          "\"maybe\"",
                          "flag --x.count: x.count: out of range: allowed are 1 to 100 things, "
                          "found 101",
                          "flag --x.count: its value is missing: write --x.count=VALUE; allowed "
                          "are 1 to 100 things"));
  EXPECT_EQ(settings.options<Every>().count, 7);
}

TEST(Settings, VariableErrorsAndOtherPrograms) {
  const char* const environment[] = {"LLMOS_X_CUONT=5",
                                     "LLMOS_TEST_SEED=1",
                                     "LLMOS_X_PAUSE=11s",
                                     "OTHER_X_COUNT=5",
                                     "LLMOS_X_COUNT=8",
                                     "LLMOS_X_COUNT=9",
                                     "=x",
                                     "LLMOS_NOEQUALS",
                                     "LLMOS_CONFIG=a",
                                     nullptr};
  constexpr std::string_view kOwn[] = {"LLMOS_CONFIG"};
  Settings settings(every_table());
  settings.read_environment(environment, kOwn);
  EXPECT_THAT(lines(settings.status().message()),
              ElementsAre("variable LLMOS_X_CUONT: unknown option \"LLMOS_X_CUONT\"; did you mean "
                          "LLMOS_X_COUNT?",
                          "variable LLMOS_X_PAUSE: x.pause: out of range: allowed are 0 to 10s, "
                          "found 11s"));
  EXPECT_EQ(settings.options<Every>().count, 8);
}

TEST(Settings, TomlErrorsNameKeyLineRangeAndNearest) {
  EXPECT_THAT(
      lines(toml_errors("[x]\ncount = 0\ncuont = 1\ninteger = 'a'\npause = 5\n"
                        "bytes = -1\nratio = nan\n[y]\ncolor = 'blue'\nlist = ['a']\n"
                        "text = 2026-11-21\n[z]\n[w]\nq = 1")),
      ElementsAre("f.toml:2: x.count: out of range: allowed are 1 to 100 things, found 0",
                  "f.toml:3: unknown option \"x.cuont\"; did you mean x.count?",
                  "f.toml:4: x.integer: expected a whole number, found the string \"a\"; allowed "
                  "are -10 to 10",
                  "f.toml:5: x.pause: expected a duration with its unit such as 250ms, 10s or "
                  "5min, found the integer 5; allowed are 0 to 10s",
                  "f.toml:6: x.bytes: expected a number of 0 or more, found -1; allowed are 0 to "
                  "1TiB",
                  "f.toml:7: x.ratio: expected a number, found the number nan; allowed are 0 to 1",
                  "f.toml:9: y.color: expected one of red, green; found \"blue\"",
                  "f.toml:10: y.list: expected a list of whole numbers such as 0,1,2, found a list "
                  "with elements that are no integers; allowed are 0 to 64 each",
                  "f.toml:11: y.text: expected a string, found a date",
                  "f.toml:12: unknown option \"z\"", "f.toml:14: unknown option \"w.q\""));
}

TEST(Settings, TomlSectionsAndQuotedKeys) {
  EXPECT_EQ(toml_errors("x = 5"), "f.toml:1: x is a section: write [x] above its options");
  EXPECT_EQ(toml_errors("[x]"), "");
  EXPECT_THAT(toml_errors("[x.count]\na = 1"), HasSubstr("unknown option \"x.count.a\""));
  EXPECT_THAT(toml_errors("[x.count]"), HasSubstr("f.toml:1: x.count: expected a whole number"));
  EXPECT_THAT(toml_errors("\"x.count\" = 5"), HasSubstr("unknown option"));
  EXPECT_EQ(toml_errors("x.'count' = 5"), "");
}

TEST(Settings, ErrorsAreBounded) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "key" + std::to_string(i) + " = 1\n";
  const std::vector<std::string> errors = lines(toml_errors(text));
  ASSERT_EQ(errors.size(), kErrorsMax + 1);
  EXPECT_EQ(errors.back(), "and 480 more errors");
}

TEST(Settings, AllLayersReportTogether) {
  const char* const environment[] = {"LLMOS_X_COUNT=0", nullptr};
  const char* const flags[] = {"--x.count=0"};
  Settings settings(every_table());
  settings.read_toml("x.count = 0", "f.toml");
  settings.read_environment(environment);
  settings.read_flags(flags);
  EXPECT_EQ(lines(settings.status().message()).size(), 3u);
  EXPECT_EQ(settings.status().code(), Code::kInvalid);
}

TEST(SettingsFile, IsReadWithItsPathInPlaces) {
  const test::TempDir directory;
  const std::string path =
      directory.write("llmos.toml", "[memory]\nbytes_max = '2GiB'\nhuge_pages = 'none'\n");
  Settings settings(llmos_options());
  settings.read_file(path);
  ASSERT_TRUE(settings.status().ok()) << settings.status().message();
  const Options options = settings.options<Options>();
  EXPECT_EQ(options.memory.bytes_max, 2ull << 30);
  EXPECT_EQ(options.memory.huge_pages, HugePages::kNone);
  EXPECT_EQ(settings.settings()[*llmos_options().find("memory.bytes_max")].place, path + ":2");
}

TEST(SettingsFile, MissingDirectoriesAndHugeFilesAreErrors) {
  const test::TempDir directory;
  Settings settings(llmos_options());
  settings.read_file(directory / "missing.toml");
  settings.read_file(directory.path());
  settings.read_file(directory.write("huge.toml", std::string(100'000'000, 'x')));
  const std::vector<std::string> errors = lines(settings.status().message());
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_THAT(errors[0], AllOf(HasSubstr(directory / "missing.toml"), HasSubstr("No such file")));
  EXPECT_THAT(errors[1], HasSubstr(directory.path()));
  EXPECT_THAT(errors[2], AllOf(HasSubstr(directory / "huge.toml"), HasSubstr("1.0 MiB")));
}

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
  EXPECT_THAT(help, HasSubstr("Allowed: none, advise, explicit. Default: advise."));
}

}  // namespace
}  // namespace llmos::config
