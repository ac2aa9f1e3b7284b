// SPDX-License-Identifier: Apache-2.0
// JSON read three ways must be one JSON: the scan of the forwarding path, the bare walk and `Json::parse`
// judge the same bytes alike, but for members that occur twice (the scan looks for them in fewer places).
// What the scan takes keeps its meaning through splicing, writing, reading again and the one-line framing.
// The bytes lie in an allocation of their own size plus the padding, whose contents vary.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "base/check.h"
#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"
#include "codec/jsonrpc.h"
#include "codec/lines.h"

namespace sluice {
namespace {

void check_span(const Envelope& e, JsonSpan span) {
  if (!span) return;
  CHECK(span.begin < span.end && span.end <= e.text.size());
  CHECK(span.key == 0 || (span.key < span.begin && e.text[span.key] == '"'));
  const PaddedString value(e.view(span));
  CHECK(validate_json(value.padded(), JsonLimits{}.depth_max).ok());
}

void check_spans(const Envelope& e) {
  for (const JsonSpan span :
       {e.message, e.id, e.method_span, e.params, e.result, e.error, e.error_code, e.name_span, e.uri_span,
        e.arguments, e.request_state, e.request_id, e.progress_token, e.meta, e.meta_progress_token,
        e.meta_protocol_version_span}) {
    check_span(e, span);
  }
}

// The tree says the same as the spans.
void check_against_tree(const Envelope& e, const Json& tree) {
  CHECK(tree["method"].string_or("") == e.method);
  if (e.params) CHECK(tree["params"] == *Json::parse(e.view(e.params)));
  if (e.name_span && tree["params"]["name"].is_string())
    CHECK(tree["params"]["name"].string_or("") == e.name);
  const Json& meta = tree[e.result ? "result" : "params"]["_meta"];
  CHECK(meta.is_object() == e.meta.present());
  if (e.meta_progress_token) CHECK(meta["progressToken"] == *Json::parse(e.view(e.meta_progress_token)));
  if (e.id) CHECK(RpcId::from_raw(e.view(e.id)).ok());
  CHECK(json_children(e.text, e.message).size() == tree.size());
  for (const JsonMember& member : tree["params"].members()) {
    const JsonSpan found = json_member(e.text, e.params, member.name);
    CHECK(found.present() && *Json::parse(e.view(found)) == member.value);
  }
}

void check_splices(const Envelope& e, Json tree) {
  JsonSplice splice;
  if (e.id) {
    splice.replace(e.id, "[\"new\"]");
    tree.set("id", Json::array({"new"}));
  }
  if (e.meta) {
    Json* const meta = tree.find(e.result ? "result" : "params")->find("_meta");
    if (e.meta_progress_token) {
      splice.remove(e.meta_progress_token);
      meta->erase("progressToken");
    }
    if (e.meta_traceparent) {
      splice.remove(e.meta_traceparent);
      meta->erase("traceparent");
    }
    splice.insert(e.meta, "new \"member\"", "null");
    meta->set("new \"member\"", nullptr);
  }
  const Result<Json> spliced = Json::parse(splice.apply(e.text));
  CHECK(spliced.ok());
  CHECK(*spliced == tree);
}

void check_writing(const Json& json, Bytes text) {
  const Result<Json> again = Json::parse(json.dump());
  CHECK(again.ok() && *again == json && again->dump() == json.dump());
  CHECK(*Json::parse(json.pretty()) == json);
  const std::string canonical = canonical_json(json);
  CHECK(canonical_json(*Json::parse(canonical)) == canonical);
  std::string line;
  append_line(line, text);
  CHECK(line.find_first_of("\r\n") == line.size() - 1 && *Json::parse(line) == json);
}

void run(PaddedBytes text) {
  MessageScanner scanner{JsonLimits{}};
  Envelope e;
  const ScanResult scanned = scanner.scan(text, e);
  const bool walked = validate_json(text, JsonLimits{}.depth_max).ok();
  JsonParseOptions lenient;
  lenient.allow_duplicates = true;
  const Result<Json> loose = Json::parse(text.bytes, lenient);
  CHECK(loose.ok() == walked);
  CHECK((scanned.code != rpc::parse_error) == walked);
  const Result<Json> strict = Json::parse(text.bytes);
  if (strict.ok()) {
    CHECK(loose.ok() && *strict == *loose);
    check_writing(*strict, text.bytes);
  }
  if (!scanned.ok()) {
    CHECK(e.kind == MessageKind::invalid);
    return;
  }
  check_spans(e);
  if (e.kind == MessageKind::batch) {
    CHECK(strict.ok() ? scanner.batch().size() == strict->size() : true);
    return;
  }
  if (!strict.ok()) return;  // a member occurs twice deeper down
  check_against_tree(e, *strict);
  check_splices(e, *strict);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::padding_bytes;
  const std::unique_ptr<char, decltype(&std::free)> held(
      static_cast<char*>(std::malloc(size + padding_bytes)), std::free);
  if (size > 0) std::memcpy(held.get(), data, size);
  // Sometimes what follows could continue the text.
  std::memset(held.get() + size, size % 3 == 0 ? '"' : size % 3 == 1 ? '1' : '}', padding_bytes);
  sluice::run(sluice::PaddedBytes::promise(sluice::Bytes(held.get(), size)));
  return 0;
}
