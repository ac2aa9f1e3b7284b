// SPDX-License-Identifier: Apache-2.0
#include "mcp/exchange.h"

#include <array>
#include <cstring>
#include <functional>

namespace sluice {

ScanResult ClientMessage::take(MessageScanner& scanner, PaddedString text) {
  text_ = std::move(text);
  const ScanResult scanned = scanner.scan(text_.padded(), envelope_);

  const std::array views{&envelope_.method,
                         &envelope_.name,
                         &envelope_.uri,
                         &envelope_.task_id,
                         &envelope_.result_type,
                         &envelope_.protocol_version,
                         &envelope_.meta_protocol_version};
  const auto is_foreign = [this](Bytes view) {
    const std::less<const char*> before;
    return !view.empty() && (before(view.data(), text_.view().data()) ||
                             !before(view.data(), text_.view().data() + text_.size()));
  };
  std::size_t foreign_bytes = 0;
  for (const Bytes* view : views)
    if (is_foreign(*view)) foreign_bytes += view->size();
  decoded_.reset();
  if (foreign_bytes == 0) return scanned;

  decoded_ = std::make_unique<char[]>(foreign_bytes);
  char* end = decoded_.get();
  for (Bytes* view : views) {
    if (!is_foreign(*view)) continue;
    std::memcpy(end, view->data(), view->size());
    *view = Bytes(end, view->size());
    end += view->size();
  }
  return scanned;
}

}  // namespace sluice
