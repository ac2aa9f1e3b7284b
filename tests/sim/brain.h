// SPDX-License-Identifier: Apache-2.0
#pragma once
// Brain: a simulated MCP server without a transport. It does what a call's arguments tell it to.
//
// A call carries {"marker": …, "plan": "p,d20,a,ok"}: progress, delay, ask, log line, garbage, death, and how
// to end. A modern ask ends the call with `input_required` and a state; the retry goes on from there and has
// the marker with a "+" behind it. One Brain is one child, or one session of an HTTP server. It checks what
// only a server can: nothing comes twice, nothing is malformed, answers belong to the question.

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "codec/json.h"
#include "mcp/exchange.h"
#include "sim/world.h"

namespace sluice::sim {

// Where a server's messages go.
class Mouth {
 public:
  virtual ~Mouth() = default;
  virtual void say(const std::string& message) = 0;
  // The response: nothing follows for this request.
  virtual void finish(const std::string& response) = 0;
  virtual void babble() = 0;  // something that is no message
  virtual void die() = 0;     // the server goes away, now or soon
};

class Brain {
 public:
  Brain(World& world, Era era, std::string name);
  Brain(const Brain&) = delete;
  Brain& operator=(const Brain&) = delete;
  ~Brain();

  // A message arrived; what it causes goes to `mouth` until forget().
  void hear(Bytes text, Mouth& mouth);
  // The mouth is gone. Its calls end with it, or go on in silence.
  void forget(Mouth& mouth, bool and_its_calls);
  void set_standalone(Mouth* mouth) { standalone_ = mouth; }
  [[nodiscard]] std::size_t runs() const { return runs_.size(); }

 private:
  struct Run;
  void request(const ClientMessage& message, Mouth& mouth);
  void call(const ClientMessage& message, Mouth& mouth);
  // The plan of a retry, from its state.
  [[nodiscard]] std::string rest_of_plan(const Json& params, Bytes marker);
  void listen(const ClientMessage& message, Mouth& mouth);
  void answer(const ClientMessage& message);
  void go_on(Run& run);
  // False when the run waits or is over.
  bool step(Run& run, const std::string& word);
  void end(Run& run, const std::string& response);
  void tell_listeners();

  World& world_;
  Era era_;
  std::string name_;
  Mouth* standalone_ = nullptr;
  std::list<std::unique_ptr<Run>> runs_;
  int asks_ = 0;
};

}  // namespace sluice::sim
