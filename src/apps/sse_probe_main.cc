// SPDX-License-Identifier: Apache-2.0
// The program `sse_probe`: reads standard input as one text/event-stream and prints each event as a line of
// JSON, in the end the id and the reconnection time. Exit code 0, or 1 when we refuse the stream: the grammar
// takes any bytes, so that is when an event is too large or text is not UTF-8.

#include <cstdio>

#include "apps/standard_input.h"
#include "base/limits.h"
#include "codec/json_writer.h"
#include "codec/sse.h"
#include "codec/utf8.h"

int main(int argc, char**) {
  using namespace sluice;
  if (argc > 1) {
    std::fputs("usage: sse_probe < STREAM\n", stderr);
    return 2;
  }
  const auto input = read_standard_input(64UL * 1024 * 1024);
  if (!input) return refuse_input("the input is longer than 64 MiB");
  const SseLimits limits;
  SseReader reader(limits);
  reader.feed(*input);
  for (SseEvent event;;) {
    const SseReader::Step step = reader.next(event);
    if (step == SseReader::Step::too_large) return refuse_input("an event is too large");
    if (step == SseReader::Step::need_bytes) break;
    if (!is_utf8(event.data)) return refuse_input("an event is not UTF-8");
    std::string line;
    JsonWriter(line)
        .begin_object()
        .member("type", event.type)
        .member("data", event.data)
        .member("id", event.id)
        .end_object();
    std::printf("%s\n", line.c_str());
  }
  std::string line;
  JsonWriter writer(line);
  writer.begin_object().member("last_event_id", reader.last_event_id());
  if (reader.retry()) writer.member("retry_ms", reader.retry()->count());
  writer.end_object();
  std::printf("%s\n", line.c_str());
  return 0;
}
