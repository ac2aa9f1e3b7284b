// SPDX-License-Identifier: Apache-2.0
#pragma once
// Running: the handle by which other threads reach a server that serves.
//
// attach() and detach() are called on the serving thread, the rest on any. Work posted before attach() or
// after detach() is refused. Knows neither fronts nor protocol.

#include <functional>
#include <mutex>
#include <thread>

namespace sluice {

class Reactor;

class Running {
 public:
  ~Running();

  // Serving begins and ends. `drain` is called on the reactor's thread by the first stop().
  void attach(Reactor& reactor, std::function<void()> drain);
  void detach();
  // The thread that join() waits for.
  void take_thread(std::thread thread);

  bool post(std::function<void()> fn);
  void stop();
  // Stops and waits for the thread, if there is one.
  void join();

 private:
  std::mutex mutex_;  // guards reactor_ and drain_
  Reactor* reactor_ = nullptr;
  std::function<void()> drain_;
  std::thread thread_;
};

}  // namespace sluice
