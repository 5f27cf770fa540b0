// SPDX-License-Identifier: Apache-2.0
// One GET of a server on a trusted network, as `top` needs it: plain HTTP, no redirects.
#pragma once

#include <llmos/status.h>

#include <string>

namespace cli {

// The body of http://HOST:PORT/PATH. `key` becomes a bearer token; empty: none.
// kInvalid: no such URL. kNotFound: nobody listens there. kDenied: the server refuses the key.
// kDeadline: no answer within five seconds. kCorrupt: another answer than 200 with a body of at
// most 16 MiB.
llmos::Result<std::string> http_get(const std::string& url, const std::string& key);

}  // namespace cli
