// SPDX-License-Identifier: Apache-2.0
// The codecs alone: what reading, scanning, splicing and writing one message costs, no sockets.

#include <benchmark/benchmark.h>

#include <string>

#include "codec/http1.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"
#include "codec/sse.h"
#include "lab_messages.h"

namespace sluice {
namespace {

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
}

void read_request(benchmark::State& state, const std::string& request) {
  const HttpLimits limits;
  Http1Reader reader(HttpRole::request, limits);
  for (auto _ : state) {
    Bytes input = request;
    for (Http1Reader::Step step{}; step != Http1Reader::Step::end;) {
      step = reader.next(input);
      if (step == Http1Reader::Step::refused || step == Http1Reader::Step::need_bytes) {
        state.SkipWithError("the request is not taken");
        return;
      }
    }
  }
  count_bytes(state, request.size());
}

void http1_head(benchmark::State& state) { read_request(state, lab_head(0)); }
BENCHMARK(http1_head);

void http1_post(benchmark::State& state) {
  const std::string body = lab_call();
  read_request(state, lab_head(body.size()) + body);
}
BENCHMARK(http1_post);

void http1_write_response(benchmark::State& state) {
  const std::string body = lab_call();
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(write_response(out, 200, "application/json", body).ok());
  }
  count_bytes(state, out.size());
}
BENCHMARK(http1_write_response);

void scan(benchmark::State& state, const std::string& message) {
  const PaddedString text(message);
  MessageScanner scanner{JsonLimits{}};
  Envelope envelope;
  for (auto _ : state) {
    if (!scanner.scan(text.padded(), envelope)) state.SkipWithError("the message is not taken");
    benchmark::DoNotOptimize(envelope);
  }
  count_bytes(state, message.size());
}
BENCHMARK_CAPTURE(scan, initialize, lab_initialize());
BENCHMARK_CAPTURE(scan, call, lab_call());
BENCHMARK_CAPTURE(scan, modern_call, lab_modern_call());
BENCHMARK_CAPTURE(scan, tools_list, lab_tools_list());

// What the forwarding path does to each message: scan it and give it another id.
void scan_and_splice_id(benchmark::State& state, const std::string& message) {
  const PaddedString text(message);
  MessageScanner scanner{JsonLimits{}};
  Envelope envelope;
  JsonSplice splice;
  std::string out;
  for (auto _ : state) {
    if (!scanner.scan(text.padded(), envelope)) state.SkipWithError("the message is not taken");
    out.clear();
    splice.clear();
    splice.replace(envelope.id, "1234567890").append_to(out, text.view());
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, message.size());
}
BENCHMARK_CAPTURE(scan_and_splice_id, initialize, lab_initialize());
BENCHMARK_CAPTURE(scan_and_splice_id, call, lab_call());
BENCHMARK_CAPTURE(scan_and_splice_id, tools_list, lab_tools_list());

void splice_id(benchmark::State& state, const std::string& message) {
  const PaddedString text(message);
  Envelope envelope;
  if (!scan_message(text.padded(), JsonLimits{}, envelope)) state.SkipWithError("the message is not taken");
  JsonSplice splice;
  std::string out;
  for (auto _ : state) {
    out.clear();
    splice.clear();
    splice.replace(envelope.id, "1234567890").append_to(out, text.view());
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, message.size());
}
BENCHMARK_CAPTURE(splice_id, call, lab_call());
BENCHMARK_CAPTURE(splice_id, tools_list, lab_tools_list());

// For comparison: the tree that the forwarding path never builds.
void json_parse_and_dump(benchmark::State& state, const std::string& message) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    const auto json = Json::parse(message);
    if (!json) state.SkipWithError("the message is not taken");
    json->append_to(out);
  }
  count_bytes(state, message.size());
}
BENCHMARK_CAPTURE(json_parse_and_dump, call, lab_call());
BENCHMARK_CAPTURE(json_parse_and_dump, tools_list, lab_tools_list());

void sse_read(benchmark::State& state, const std::string& message) {
  std::string stream;
  SseWriter::write_message(stream, message, "17");
  const SseLimits limits;
  SseReader reader(limits);
  SseEvent event;
  for (auto _ : state) {
    reader.feed(stream);
    if (reader.next(event) != SseReader::Step::event) state.SkipWithError("there is no event");
    benchmark::DoNotOptimize(event.data.data());
  }
  count_bytes(state, stream.size());
}
BENCHMARK_CAPTURE(sse_read, call, lab_call());
BENCHMARK_CAPTURE(sse_read, tools_list, lab_tools_list());

void sse_write(benchmark::State& state, const std::string& message) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    SseWriter::write_message(out, message, "17");
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, out.size());
}
BENCHMARK_CAPTURE(sse_write, call, lab_call());
BENCHMARK_CAPTURE(sse_write, tools_list, lab_tools_list());

}  // namespace
}  // namespace sluice
