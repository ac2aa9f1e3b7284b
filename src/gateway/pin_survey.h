// SPDX-License-Identifier: Apache-2.0
#pragma once
// PinSurvey: reads the tools of some upstreams, all pages, and pins what they say of themselves.
//
// Asks as a modern client that may be asked for input and sampling, so that servers which adapt show all
// their tools. One upstream that fails fails the survey: half a file would accept half of what was there.
// Knows no file. Upstreams outlive it, and it has to live until it is done. One reactor.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/upstream.h"
#include "mcp/tool_pins.h"

namespace sluice {

struct SurveyedUpstream {
  std::string name;
  Service& service;
};

class PinSurvey {
 public:
  // `done` is called once, later: with the pins of these upstreams, or why there are none.
  PinSurvey(Reactor& reactor, std::vector<SurveyedUpstream> upstreams, milliseconds timeout,
            std::function<void(Result<ToolPins>)> done);
  ~PinSurvey();
  PinSurvey(const PinSurvey&) = delete;
  PinSurvey& operator=(const PinSurvey&) = delete;

  void start();

 private:
  class Page;
  void ask(std::size_t upstream, const std::string& cursor);
  void answered(std::size_t upstream, Bytes response);
  void failed(std::size_t upstream, std::string_view why);
  void end(Result<ToolPins> result);

  Reactor& reactor_;
  std::vector<SurveyedUpstream> upstreams_;
  milliseconds timeout_;
  std::function<void(Result<ToolPins>)> done_;
  std::vector<std::unique_ptr<Page>> pages_;  // kept to the end
  ToolPins pins_;
  std::size_t awaited_ = 0;
  Timer late_;
};

}  // namespace sluice
