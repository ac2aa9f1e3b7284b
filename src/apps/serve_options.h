// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `sluice serve` and `sluice check` were asked for, and the configuration that comes of it.
//
// The same text travels from supervisor to worker, who each read the configuration from it, so that secrets
// are read where they are used and never sent. A plain value.

#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "codec/json.h"
#include "gateway/config.h"

namespace sluice {

struct ServeOptions {
  std::string config_file;           // -c FILE
  std::vector<std::string> command;  // -- CMD…
  std::string url;                   // URL
  std::string http;                  // --http ADDRESS, wins over the file
  bool insecure = false;
  // How long a worker may give no sign of life; for the supervisor alone. 0: for ever.
  milliseconds hang_timeout = ProcessLimits{}.hang_timeout;

  [[nodiscard]] Json to_json() const;
  static ServeOptions from_json(const Json& json);
};

// Reads and checks everything that can be checked before anything starts.
Result<Config> load_config(const ServeOptions& options);

}  // namespace sluice
