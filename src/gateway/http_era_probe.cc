// SPDX-License-Identifier: Apache-2.0
#include "gateway/http_era_probe.h"

#include <utility>

#include "mcp/era_questions.h"

namespace sluice {

HttpEraProbe::HttpEraProbe(Reactor& reactor, StreamableHttpClient& client, milliseconds patience,
                           std::function<void(EraVerdict)> tell)
    : reactor_(reactor),
      client_(client),
      tell_(std::move(tell)),
      scanner_(reactor.limits().json),
      timer_(
          [](void* self) {
            auto* probe = static_cast<HttpEraProbe*>(self);
            if (!probe->asks_modern_) return probe->judge(false);
            probe->conclude({{}, "it did not answer in time"});
          },
          this) {
  post_ = client_.post(era_questions::discover(),
                       {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", "server/discover"}}, *this);
  reactor_.arm_after(timer_, patience);
}

void HttpEraProbe::on_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind != MessageKind::response && envelope.kind != MessageKind::error_response) return;
  judge(asks_modern_ ? era_questions::shows_modern(envelope) : era_questions::shows_legacy(envelope));
}

void HttpEraProbe::on_refused(const HttpAnswer& answer) {
  const bool says_nothing = answer.status == 401 || answer.status == 403 || answer.status == 408 ||
                            answer.status == 429 || answer.status >= 500;
  ClientMessage message;
  const bool is_answer = message.take(scanner_, PaddedString(answer.body)).ok();
  if (is_answer && asks_modern_ && era_questions::shows_modern(message.envelope())) return judge(true);
  if (says_nothing) return give_up("it answered with HTTP status " + std::to_string(answer.status));
  judge(false);
}

void HttpEraProbe::on_failed(const Error& error, Outcome) { give_up(error.message); }

void HttpEraProbe::give_up(const std::string& why) {
  conclude({{EraStanding::unknown, asks_modern_ ? EraStanding::unknown : EraStanding::yes}, why});
}

void HttpEraProbe::judge(bool yes) {
  if (asks_modern_) {
    if (yes) return ask_legacy();
    return conclude({{EraStanding::yes, EraStanding::no}, "it does not know server/discover"});
  }
  if (!session_id_.empty())
    client_.end_session({{"Mcp-Session-Id", session_id_}, {"MCP-Protocol-Version", "2025-11-25"}});
  conclude({{yes ? EraStanding::yes : EraStanding::no, EraStanding::yes},
            yes ? "it answers in both eras" : "it answers server/discover only"});
}

void HttpEraProbe::ask_legacy() {
  asks_modern_ = false;
  session_id_.clear();
  post_ = client_.post(era_questions::initialize(), {}, *this);
  const std::function<void(EraVerdict)> tell = tell_;  // we may be destroyed in it
  tell({{EraStanding::pending, EraStanding::yes}, "it answered server/discover"});
}

void HttpEraProbe::conclude(EraVerdict verdict) {
  timer_.cancel();
  post_.reset();
  std::exchange(tell_, nullptr)(std::move(verdict));
}

}  // namespace sluice
