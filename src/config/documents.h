// SPDX-License-Identifier: Apache-2.0
// What the option table tells people. Pure functions; thread-safe.
#pragma once

#include "config/settings.h"

namespace llmos::config {

// The reference documentation: one Markdown table per section, one row per option.
std::string reference_markdown(const OptionTable& table);
// The text behind --help: a flag, its allowed values, default and meaning.
std::string help_text(const OptionTable& table);
// A TOML file with every option commented out at its default; it reads back without errors, also
// after the comment signs of the options are removed.
std::string example_toml(const OptionTable& table);
// The settings in force as a TOML file, each with its place behind it.
std::string dump_toml(const Settings& settings);

}  // namespace llmos::config
