// SPDX-License-Identifier: Apache-2.0
#include "gateway/era_probe.h"

#include <utility>

#include "mcp/era_questions.h"

namespace sluice {

namespace {

constexpr UpstreamEras only_legacy{EraStanding::yes, EraStanding::no};

}  // namespace

EraProbe::EraProbe(const UpstreamContext& context, const UpstreamConfig& config,
                   std::function<void(EraVerdict)> tell)
    : context_(context),
      config_(config),
      tell_(std::move(tell)),
      timer_(
          [](void* self) {
            auto* probe = static_cast<EraProbe*>(self);
            probe->link_ ? probe->on_silence() : probe->begin();
          },
          this) {
  context_.reactor.arm_after(timer_, Duration(0));
}

void EraProbe::begin() {
  auto link = ChildLink::start(context_, config_, *this);
  if (!link && is_modern_) return conclude_modern(false);
  if (!link) return conclude({{}, link.error().message});
  link_ = std::move(*link);
  context_.reactor.arm_after(timer_, config_.start_timeout);
  if (!is_modern_) link_->send(era_questions::discover());
  link_->send(era_questions::initialize());
}

void EraProbe::on_silence() {
  if (is_modern_) return conclude_modern(false);
  if (initialized_) return conclude({only_legacy, "it answered initialize only"});
  conclude({{},
            "upstream '" + config_.name +
                "' said nothing within its start timeout when it was asked for its era"});
}

void EraProbe::on_child_message(ClientMessage message) {
  const Envelope& envelope = message.envelope();
  if (envelope.kind != MessageKind::response && envelope.kind != MessageKind::error_response) return;
  if (message.id() == era_questions::initialize_id) {
    if (is_modern_) return conclude_modern(era_questions::shows_legacy(envelope));
    initialized_ = true;
    context_.reactor.arm_after(
        timer_, context_.reactor.limits().upstream.probe_reorder);  // servers may answer in any order
    return;
  }
  if (message.id() != era_questions::discover_id) return;
  if (!era_questions::shows_modern(envelope))
    return conclude({only_legacy, "it does not know server/discover"});
  is_modern_ = true;
  link_.reset();
  context_.reactor.arm_after(timer_, Duration(0));
  const std::function<void(EraVerdict)> tell = tell_;  // we may be destroyed in it
  tell({{EraStanding::pending, EraStanding::yes}, "it answered server/discover"});
}

void EraProbe::on_child_gone(const ChildEnd& end) {
  if (is_modern_) return conclude_modern(false);
  conclude({link_->never_ran() ? UpstreamEras{} : only_legacy, end.whole()});
}

void EraProbe::conclude_modern(bool legacy_too) {
  conclude({{legacy_too ? EraStanding::yes : EraStanding::no, EraStanding::yes},
            legacy_too ? "it answers in both eras" : "it answers server/discover only"});
}

void EraProbe::conclude(EraVerdict verdict) {
  timer_.cancel();
  std::exchange(tell_, nullptr)(std::move(verdict));
}

}  // namespace sluice
