// SPDX-License-Identifier: Apache-2.0
// HTML escaping, which templates can ask for although nothing is escaped by itself.
#pragma once

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// As markup, with & < > ' " escaped; what is markup already stays as it is.
Value escaped(Heap& heap, const Value& value);

}  // namespace llmos::jinja
