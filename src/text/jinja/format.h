// SPDX-License-Identifier: Apache-2.0
// Python's old formatting: "%s has %d items" % (name, count).
#pragma once

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// `arguments` is a tuple, a dict for "%(name)s", or the only argument. Failure: kInvalid.
Value format_percent(Heap& heap, const Value& format, const Value& arguments);

}  // namespace llmos::jinja
