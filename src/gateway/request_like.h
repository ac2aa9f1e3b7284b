// SPDX-License-Identifier: Apache-2.0
#pragma once
// A request as another was, with another text: for what stands between a client's exchange and the one that
// is opened for it.
//
// Everything but the message is copied. Pure, any thread.

#include <string>
#include <utility>

#include "base/result.h"
#include "mcp/exchange.h"

namespace sluice {

// Errc::invalid when the text is no message.
[[nodiscard]] inline Result<ClientRequest> request_like(const ClientRequest& request, std::string text,
                                                        MessageScanner& scanner) {
  ClientRequest copy;
  if (!copy.message.take(scanner, PaddedString(std::move(text))).ok())
    return Error(Errc::invalid, "the request cannot be read");
  copy.era = request.era;
  copy.revision = request.revision;
  copy.principal = request.principal;
  copy.param_headers = request.param_headers;
  copy.kept_headers = request.kept_headers;
  copy.over_http = request.over_http;
  copy.correlation_id = request.correlation_id;
  copy.opened = request.opened;
  return copy;
}

}  // namespace sluice
