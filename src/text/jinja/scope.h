// SPDX-License-Identifier: Apache-2.0
// Decides, before anything runs, which variable each name of a template means.
//
// Scopes are those of the original, which compiles templates to Python: the template, a loop's
// body, its else and its filter, macros, call, filter, set and with blocks are frames of their own;
// `if` is not. A name that a frame assigns belongs to that frame alone and starts with the value
// it has
// further out. A name that no frame around assigns comes from the context.
#pragma once

#include "text/jinja/ast.h"

namespace llmos::jinja {

// Fills in frames, slots, filters and tests. Failure (thrown): kCorrupt for an unknown filter or
// test where the original looks for it before it renders.
void resolve_names(Program& program);

}  // namespace llmos::jinja
