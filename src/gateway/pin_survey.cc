// SPDX-License-Identifier: Apache-2.0
#include "gateway/pin_survey.h"

#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"

namespace sluice {

namespace {

constexpr std::size_t plenty = 64 * 1024;
constexpr Bytes meta =
    R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
    R"("io.modelcontextprotocol/clientInfo":{"name":"sluice","version":"0"},)"
    R"("io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}}}})";

}  // namespace

// One request for a page.
class PinSurvey::Page final : public Exchange {
 public:
  Page(PinSurvey& survey, std::size_t upstream, ClientRequest request)
      : Exchange(std::move(request), nullptr), survey_(survey), upstream_(upstream) {}

  void open() {
    is_open_ = true;
    survey_.upstreams_[upstream_].service.open(*this);
  }
  void cancel() {
    if (!std::exchange(is_open_, false)) return;
    survey_.upstreams_[upstream_].service.cancelled(*this, CancelReason::timed_out);
    attachment.reset();
  }

  std::size_t notify(Bytes) override { return plenty; }
  std::size_t ask(Bytes) override { return plenty; }
  void finish(Bytes response) override {
    is_open_ = false;
    survey_.answered(upstream_, response);
  }
  void refuse(int, int, std::string_view sentence, std::string_view) override {
    is_open_ = false;
    survey_.failed(upstream_, sentence);
  }

 private:
  PinSurvey& survey_;
  std::size_t upstream_;
  bool is_open_ = false;
};

PinSurvey::PinSurvey(Reactor& reactor, std::vector<SurveyedUpstream> upstreams, milliseconds timeout,
                     std::function<void(Result<ToolPins>)> done)
    : reactor_(reactor),
      upstreams_(std::move(upstreams)),
      timeout_(timeout),
      done_(std::move(done)),
      late_(
          [](void* self) {
            static_cast<PinSurvey*>(self)->end(
                Error(Errc::timed_out, "not every upstream listed its tools in time"));
          },
          this) {}

PinSurvey::~PinSurvey() {
  for (const auto& page : pages_) page->cancel();
}

void PinSurvey::start() {
  awaited_ = upstreams_.size();
  reactor_.arm_after(late_, timeout_);
  for (std::size_t upstream = 0; upstream < upstreams_.size(); ++upstream) ask(upstream, {});
  if (upstreams_.empty()) end(ToolPins());
}

void PinSurvey::ask(std::size_t upstream, const std::string& cursor) {
  std::string params(meta);
  if (!cursor.empty()) params += ",\"cursor\":" + cursor;
  ClientRequest request;
  MessageScanner scanner{reactor_.limits().json};
  const std::string id = std::to_string(pages_.size() + 1);
  if (!request.message.take(scanner, PaddedString(make_request(id, "tools/list", params + "}"))))
    return failed(upstream, "its cursor cannot be sent back");
  request.era = Era::modern;
  request.revision = latest_modern;
  request.opened = reactor_.now();
  pages_.push_back(std::make_unique<Page>(*this, upstream, std::move(request)));
  pages_.back()->open();
}

void PinSurvey::answered(std::size_t upstream, Bytes response) {
  if (!done_) return;
  const auto json = Json::parse(response);
  if (!json || !(*json)["result"]["tools"].is_array())
    return failed(upstream, json ? (*json)["error"]["message"].string_or("it has no list of tools")
                                 : "its answer is no JSON");
  const Json& result = (*json)["result"];
  const std::string& name = upstreams_[upstream].name;
  for (const Json& tool : result["tools"].items())
    pins_.pin(name, std::string(tool["name"].string_or("")), definition_digest(tool));
  const FederationLimits& limits = reactor_.limits().federation;
  if (pins_.size() > limits.pins_max || pages_.size() > limits.learned_pages_max)
    return failed(upstream, "its list of tools has no end");
  if (result["nextCursor"].is_string()) {
    // From a turn of its own: the upstream is still in the call that answered.
    return reactor_.defer([this, upstream, cursor = result["nextCursor"].dump()] { ask(upstream, cursor); });
  }
  if (--awaited_ == 0) end(std::move(pins_));
}

void PinSurvey::failed(std::size_t upstream, std::string_view why) {
  end(Error(Errc::failed, "upstream '" + upstreams_[upstream].name + "': " + std::string(why)));
}

void PinSurvey::end(Result<ToolPins> result) {
  late_.cancel();
  if (!done_) return;
  reactor_.defer([done = std::exchange(done_, nullptr), result = std::move(result)] { done(result); });
}

}  // namespace sluice
