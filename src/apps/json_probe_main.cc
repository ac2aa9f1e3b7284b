// SPDX-License-Identifier: Apache-2.0
// The program `json_probe`: exit code 0 when standard input is one JSON text that we take, 1 when we refuse
// it. `--scan` asks the walk of the forwarding path instead of the reader that builds values. Members that
// occur twice are for neither a matter of JSON, as RFC 8259 has it; messages are stricter. docs/json.md.

#include <cstdio>

#include "apps/standard_input.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/json_scan.h"

int main(int argc, char** argv) {
  using namespace sluice;
  const bool scan = argc == 2 && Bytes(argv[1]) == "--scan";
  if (argc > 1 && !scan) {
    std::fputs("usage: json_probe [--scan] < TEXT\n", stderr);
    return 2;
  }
  const JsonLimits limits;
  auto text = read_standard_input(limits.message_bytes_max);
  if (!text) return refuse_input("the text is longer than a message may be");
  const PaddedString padded(std::move(*text));
  if (scan) {
    const ScanResult result = validate_json(padded.padded(), limits.depth_max);
    return result ? 0 : refuse_input(std::string(result.reason) + ", byte " + std::to_string(result.offset));
  }
  JsonParseOptions options;
  options.depth_max = limits.depth_max;
  options.allow_duplicates = true;
  const auto json = Json::parse(padded.view(), options);
  return json ? 0 : refuse_input(json.error().message);
}
