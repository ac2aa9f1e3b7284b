// SPDX-License-Identifier: Apache-2.0
#include "gateway/spare_children.h"

#include <algorithm>
#include <utility>

#include "gateway/stdio_upstream.h"

namespace sluice {

class SpareChildren::Spare final : private ChildLinkHandler {
 public:
  static Result<std::unique_ptr<Spare>> start(SpareChildren& owner) {
    std::unique_ptr<Spare> spare(new Spare(owner));
    auto link = ChildLink::start(owner.upstream_.context(), owner.upstream_.config(), *spare);
    if (!link) return link.error();
    spare->link_ = *std::move(link);
    return spare;
  }
  [[nodiscard]] std::unique_ptr<ChildLink> take() { return std::move(link_); }

 private:
  explicit Spare(SpareChildren& owner) : owner_(owner) {}
  // It was not spoken to: whatever it says is for nobody.
  void on_child_message(ClientMessage) override {}
  void on_child_gone(const ChildEnd& end) override {
    owner_.upstream_.context().log.warning("a spare child is gone").field("why", end.whole());
    owner_.died(*this);
  }

  SpareChildren& owner_;
  std::unique_ptr<ChildLink> link_;
};

SpareChildren::SpareChildren(StdioUpstream& upstream)
    : upstream_(upstream), again_([](void* self) { static_cast<SpareChildren*>(self)->fill(); }, this) {}

SpareChildren::~SpareChildren() = default;

void SpareChildren::fill() {
  dead_.reset();
  if (stopped_ || again_.armed() || upstream_.eras().legacy != EraStanding::yes) return;
  while (spares_.size() < upstream_.config().pool.min && upstream_.has_room()) {
    auto spare = Spare::start(*this);
    if (!spare) {
      upstream_.context()
          .log.warning("a spare child could not be started")
          .field("upstream", upstream_.config().name)
          .field("why", spare.error().message);
      return;
    }
    spares_.push_back(*std::move(spare));
  }
}

std::unique_ptr<ChildLink> SpareChildren::take() {
  if (spares_.empty()) return nullptr;
  std::unique_ptr<ChildLink> link = spares_.front()->take();
  spares_.erase(spares_.begin());
  deaths_ = 0;
  if (!again_.armed()) upstream_.context().reactor.arm_after(again_, Duration(0));
  return link;
}

void SpareChildren::died(Spare& spare) {
  const auto at =
      std::find_if(spares_.begin(), spares_.end(), [&](const auto& each) { return each.get() == &spare; });
  if (at == spares_.end()) return;
  dead_ = std::move(*at);
  spares_.erase(at);
  const UpstreamLimits& limits = upstream_.context().reactor.limits().upstream;
  milliseconds wait = limits.restart_backoff_first;
  for (std::size_t i = 0; i < deaths_ && wait < limits.restart_backoff_max; ++i) wait *= 2;
  ++deaths_;
  upstream_.context().reactor.arm_after(again_, std::min(wait, limits.restart_backoff_max));
}

void SpareChildren::stop() {
  stopped_ = true;
  again_.cancel();
  for (const std::unique_ptr<Spare>& spare : std::exchange(spares_, {})) upstream_.retire(spare->take());
}

}  // namespace sluice
