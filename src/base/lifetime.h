// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lifetime: lets an object notice, after calling out, that the callee destroyed it.
//
// The object has a Lifetime member; around a call that may destroy the object its method holds a Watch on the
// stack and returns at once when the watch says no. Watches nest. One thread.
//
//   Lifetime::Watch watch(lifetime_);
//   handler_.on_message(…);
//   if (!watch.alive()) return;

namespace sluice {

class Lifetime {
 public:
  class Watch {
   public:
    explicit Watch(Lifetime& lifetime) : lifetime_(&lifetime), outer_(lifetime.innermost_) {
      lifetime.innermost_ = this;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      if (lifetime_ != nullptr) lifetime_->innermost_ = outer_;
    }
    [[nodiscard]] bool alive() const { return lifetime_ != nullptr; }

   private:
    friend class Lifetime;
    Lifetime* lifetime_;
    Watch* outer_;
  };

  Lifetime() = default;
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;
  ~Lifetime() {
    for (Watch* watch = innermost_; watch != nullptr; watch = watch->outer_) watch->lifetime_ = nullptr;
  }

 private:
  Watch* innermost_ = nullptr;
};

}  // namespace sluice
