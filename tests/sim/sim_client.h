// SPDX-License-Identifier: Apache-2.0
#pragma once
// SimClient: a simulated MCP client that speaks real HTTP bytes and does what its dice say.
//
// Legacy ones open and delete sessions, answer questions, listen on GET, resume with Last-Event-ID, and those
// of 2025-03-26 send batches; modern ones cancel by closing and answer `input_required` by a retry. Both
// call, lose connections, stop reading and send nonsense. Every byte they get is checked: whose it is,
// whether it may come now, and in the end that each call got exactly one answer.

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "codec/http1.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "mcp/revision.h"
#include "sim/world.h"

namespace sluice::sim {

struct Call;
class Wire;

class SimClient {
 public:
  struct Options {
    int number = 0;
    Era era = Era::legacy;
    std::string path;  // of the route
    std::string key;   // API key
  };
  // `dial` gives the far end of a connection to the gateway.
  SimClient(World& world, Options options, std::function<StreamPtr()> dial);
  SimClient(const SimClient&) = delete;
  SimClient& operator=(const SimClient&) = delete;
  ~SimClient();

  // Does one thing.
  void step();
  // Ends what would go on for ever: no more questions are left open, streams without end are closed.
  void wind_down();
  // Drops all connections.
  void leave();
  // The run is over and all timers have fired: every call must have ended.
  void check_ended();
  [[nodiscard]] const std::string& session() const { return session_; }
  // A session of somebody else, to be tried.
  void steal(const std::string& session) { stolen_ = session; }

 private:
  friend class Wire;
  void step_legacy(std::uint64_t dice);
  void step_modern(std::uint64_t dice);
  void start_call();
  void start_batch();
  void retry_one();
  void start_plain(Bytes method);
  void start_listen();
  void initialize();
  void open_get(const std::string& last_event, Call* of);
  void cancel_one();
  void cut_one();
  void resume_one();
  static void hang_up(Call& call);
  void delete_session();
  void stall_one();
  void nonsense();
  void knock();  // with another's session
  void repeat_id();

  void ask_for(Call& call, Bytes method, const std::string& more, Bytes name = {});
  [[nodiscard]] std::string request_of(const Call& call, Bytes method, const std::string& more);
  [[nodiscard]] Call& add_tool_call();
  [[nodiscard]] std::string arguments_of(const Call& call);
  Call& add_call();
  void note(const std::string& message);
  void send(Call& call, Bytes verb, std::vector<HeaderField> fields, Bytes body);
  [[nodiscard]] std::vector<HeaderField> common_fields() const;
  [[nodiscard]] std::string next_id();
  [[nodiscard]] std::string make_plan();
  [[nodiscard]] std::string meta_of(const Call& call);
  [[nodiscard]] Call* pick(const std::function<bool(const Call&)>& fits);
  [[nodiscard]] Call* by_token(Call& call, Bytes token);

  // What a wire brings.
  void on_head(Call& call, const HttpHead& head);
  void on_message(Call& call, Bytes text);
  void on_end(Call& call);
  void on_lost(Call& call, std::string_view why);
  void on_response(Call& call, Bytes id, const Json& json);
  void check_error(const Call& call, const Json& error);
  void check_result(const Call& call, const Json& json);
  void on_input_required(const Call& call, const Json& result);
  void on_array(Call& batch, Bytes text);
  void on_batch_end(Call& batch);
  void on_refusal(Call& call);
  void answer_ask();
  void on_notification(Call& call, Bytes method, Bytes text, const Json& json);
  void on_ask(const Call& call, Bytes id, const Json& json);
  void initialized(Call& call);
  void session_lost();
  [[nodiscard]] bool is_ours(const Call& call, Bytes marker) const;
  void fail(const std::string& what) { world_.transcript.fail(name_, what); }

  World& world_;
  Options options_;
  std::string name_;
  std::function<StreamPtr()> dial_;
  std::list<std::unique_ptr<Call>> calls_;
  std::list<std::unique_ptr<Wire>> wires_;
  std::string session_, revision_, stolen_, authorization_;
  int generation_ = 0;  // of sessions
  std::uint64_t ids_ = 0;
  bool initializing_ = false;
  bool winding_down_ = false;
  std::vector<std::string> answers_;  // to questions, not sent yet
  struct Retry {
    std::string marker;  // of the call that asked
    std::string state;
  };
  std::vector<Retry> retries_;  // not sent yet
};

}  // namespace sluice::sim
