// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace server {

// page.html, as the build has put it into the program.
std::string_view page();

}  // namespace server
