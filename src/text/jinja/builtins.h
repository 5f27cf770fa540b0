// SPDX-License-Identifier: Apache-2.0
// The names that templates find ready: filters, tests, functions and methods.
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/callable.h"

namespace llmos::jinja {

// Null: there is none of that name.
const FilterSpec* find_filter(std::string_view name);
const TestSpec* find_test(std::string_view name);
const Function* find_function(std::string_view name);
const Builtin* find_string_method(std::string_view name);
const Builtin* find_method(Kind kind, std::string_view name);  // of dicts, lists, tuples, loops ...

// The groups that make up the filters.
std::span<const FilterSpec> text_filters();
std::span<const FilterSpec> number_filters();
std::span<const FilterSpec> sequence_filters();
std::span<const FilterSpec> selection_filters();

}  // namespace llmos::jinja
