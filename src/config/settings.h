// SPDX-License-Identifier: Apache-2.0
// Settings are the values of all options of a table, and where each came from. The layers, weakest
// first: defaults, a TOML file, LLMOS_* variables, flags. Only executables read files, variables
// and flags, and they pass them in: nothing here looks at the process.
//
//   Settings settings(llmos_options());
//   settings.read_file("llmos.toml");
//   settings.read_environment(environ);
//   std::vector<std::string_view> rest = settings.read_flags({argv + 1, size_t(argc - 1)});
//   if (Status status = settings.status(); !status.ok()) { ... }
//   Options options = settings.options<Options>();
#pragma once

#include "config/option_table.h"

namespace llmos::config {

// From weakest to strongest; a stronger layer wins whatever the order of reading.
enum class Layer : uint8_t { kDefault, kFile, kVariable, kFlag };

struct Setting {
  Value value;
  Layer layer{Layer::kDefault};
  std::string place;  // "default", "llmos.toml:12", "variable LLMOS_X", "flag --x"
};

// Beyond these an error list helps nobody; status() says how many more there were.
inline constexpr size_t kErrorsMax = 20;

// Owner    The table must outlive the settings.
// Threads  One thread at a time.
// Failure  The read functions collect errors, all layers together; status() tells them. A value in
//          error leaves its option as it was. A message names the option, the place with its line,
//          what is allowed, and for an unknown name the nearest known one.
class Settings {
 public:
  explicit Settings(const OptionTable& table);

  // Reads a TOML document; `place` is its path in messages. A syntax error is the only error that
  // is reported of its document, because what follows it has no certain meaning.
  void read_toml(std::string_view text, std::string_view place);
  // Reads the file at `path`; one that is missing or larger than kFileBytesMax is an error.
  void read_file(const std::string& path);

  // Reads "NAME=value" entries up to a null pointer, as in `environ`. Names that do not begin with
  // LLMOS_ are other programs'; LLMOS_TEST_* is the tests'; `own` are those that the executable
  // reads itself. Of two entries of one name the first counts, as with getenv().
  void read_environment(const char* const* environment, std::span<const std::string_view> own = {});

  // Reads --name=value and --name value. A boolean's name alone sets it; its value needs the =. The
  // last of several counts. What is not a dotted flag comes back in order for the executable to
  // judge, and so does everything behind "--".
  std::vector<std::string_view> read_flags(std::span<const char* const> arguments);

  // Ok, or kInvalid with one line per error, at most kErrorsMax.
  Status status() const;

  // Precondition: the table is Root's. With errors pending these are the values without them.
  template <class Root>
  Root options() const {
    LLMOS_CHECK(table_.is_for<Root>()) << "the table is for another struct";
    Root root{};
    for (size_t i = 0; i < settings_.size(); ++i) table_.rows()[i].store(&root, settings_[i].value);
    return root;
  }

  const OptionTable& table() const { return table_; }
  std::span<const Setting> settings() const { return settings_; }  // in the order of the rows

 private:
  void refuse(std::string message);
  void refuse_unknown(std::string_view place, std::string_view name, const std::string& nearest);
  void set(size_t index, Result<Value> value, Layer layer, std::string place);
  void read_flag(std::string_view flag, std::span<const char* const>& arguments);

  const OptionTable& table_;
  std::vector<Setting> settings_;
  std::vector<std::string> errors_;
  size_t error_count_ = 0;
};

}  // namespace llmos::config
