// SPDX-License-Identifier: Apache-2.0
// The program `http_probe`: exit code 0 when standard input is one whole HTTP/1.1 request, with its body and
// nothing behind it, 1 when we refuse it or it is cut short. `--response` reads a response, `--pipeline` any
// number of messages. What was taken is told on standard output, a line a message. docs/http1.md.

#include <cstdio>

#include "apps/standard_input.h"
#include "base/limits.h"
#include "codec/http1.h"

namespace {

using namespace sluice;

constexpr std::size_t input_bytes_max = 64UL * 1024 * 1024;

struct Options {
  HttpRole role = HttpRole::request;
  bool pipeline = false;
};

std::string describe(const HttpHead& head, HttpRole role) {
  if (role == HttpRole::response)
    return "HTTP/1." + std::to_string(head.version_minor) + " " + std::to_string(head.status);
  return std::string(head.method) + " " + std::string(head.target);
}

std::string describe(const HttpRefusal& refusal) {
  return std::to_string(refusal.status) + " " + std::string(refusal.sentence);
}

int read_messages(Bytes input, const Options& options) {
  const HttpLimits limits;
  Http1Reader reader(options.role, limits);
  std::size_t messages = 0;
  std::size_t body_bytes = 0;
  std::string line;
  for (bool ended = false;;) {
    Http1Reader::Step step = ended ? Http1Reader::Step::need_bytes : reader.next(input);
    if (step == Http1Reader::Step::need_bytes) {
      if (ended || reader.idle()) return messages > 0 ? 0 : refuse_input("the input is empty");
      ended = true;
      step = reader.finish();
    }
    switch (step) {
      case Http1Reader::Step::head: line = describe(reader.head(), options.role); break;
      case Http1Reader::Step::body: body_bytes += reader.body().size(); break;
      case Http1Reader::Step::end:
        std::printf("%s, %zu bytes of body\n", line.c_str(), body_bytes);
        body_bytes = 0;
        ++messages;
        if (!options.pipeline && !input.empty()) return refuse_input("something follows the message");
        break;
      case Http1Reader::Step::refused: return refuse_input(describe(reader.refusal()));
      case Http1Reader::Step::need_bytes: break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (const Bytes flag(argv[i]); flag == "--response") {
      options.role = HttpRole::response;
    } else if (flag == "--pipeline") {
      options.pipeline = true;
    } else {
      std::fputs("usage: http_probe [--response] [--pipeline] < MESSAGE\n", stderr);
      return 2;
    }
  }
  const auto input = read_standard_input(input_bytes_max);
  if (!input) return refuse_input("the input is longer than 64 MiB");
  return read_messages(*input, options);
}
