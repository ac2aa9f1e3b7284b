// SPDX-License-Identifier: Apache-2.0
#pragma once
// ClientEngine: an MCP client of either era, as a state machine: facts and time in, orders and events out.
//
//   start ─► probing ─► modern ─────────────────────► ready ─► (calls, asks, notifications)* ─► closed
//               └─────► initializing ─► opening ────────┘  └─ the session is lost ─► initializing
//
// It asks for the era (or is told it), shakes hands, mints ids, writes the envelope, headers and `_meta` of
// each era, loops through questions (a legacy server's requests, a modern one's `input_required`, error
// -32042), follows tasks to their end, keeps every timer, and re-opens sessions and subscriptions. It sends
// nothing: what has to be sent is an order for whoever owns the wire, HTTP or lines; what came of it is told
// back. Draws no entropy, reads no clock, writes no log. One thread. Spec: basic/lifecycle, transports,
// utilities and patterns of each revision; SEP-2663; ledger A, C4, C5, D1, D6.10.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "codec/json.h"
#include "mcp/capabilities.h"
#include "mcp/exchange.h"
#include "mcp/task_state.h"
#include "mcp/to_legacy.h"
#include "mcp/to_modern.h"
#include "mcp/tool_headers.h"

namespace sluice {

// Names of what is under way, never used twice: a call of the user, a question of the server, one sending.
using ClientCallId = std::uint64_t;
using ClientAskId = std::uint64_t;
using ClientSendId = std::uint64_t;

struct ClientEngineOptions {
  std::string info_json = R"({"name":"sluice","version":"0"})";  // Implementation
  ClientCapabilities capabilities;
  std::optional<Era> era;  // pinned; absent: the server is asked
  // Which era it speaks is all that is wanted: ready as soon as that is known, with nothing left open but a
  // legacy session, which close() ends.
  bool asks_only = false;
  Revision offer = latest_legacy;  // to a legacy server
  bool over_http = true;
  std::string log_level;  // that the server is asked for; empty: none
  ClientLimits limits;
  JsonLimits json;
  std::uint64_t jitter_seed = 0;
};

// What is to be done on the wire.
struct ClientOrder {
  enum class Kind : std::uint8_t {
    send,          // a message; over HTTP a POST, whose fate is told with its `id`
    drop,          // HTTP: the POST `id` is of no interest any more; closing it cancels a modern call
    open_stream,   // HTTP: the standalone stream of the session, in place of the one there may be
    close_stream,  // HTTP: no such stream any more
    end_session,   // HTTP: DELETE
    restart,       // lines: end this server, start a fresh one, then tell restarted()
  };
  Kind kind = Kind::send;
  ClientSendId id = 0;
  std::string text;
  std::vector<HeaderPair> fields;
  bool stays_open = false;  // its reply has no end
  bool urgent = false;      // calls under way may wait for it
  bool resumes = false;     // a reply that breaks off may be taken up again
};

// Who the server is, as it said.
struct ServerIntroduction {
  Revision revision = latest_legacy;
  Json info;          // Implementation; null when it did not say
  Json capabilities;  // ServerCapabilities; null in the modern era without a probe
  std::string instructions;
};

// What the user of the client is to know.
struct ClientEvent {
  enum class Kind : std::uint8_t {
    ready,      // calls go out from now on; told again for a session that was opened anew; `text` says why
                // the server is taken for a legacy one, where it was only asked
    failed,     // `error`; nothing goes out any more
    answered,   // `call` is over: `error` if `failed`, else `json` is its result
    progress,   // of `call`: `json` is the params
    asked,      // `ask` wants an answer: `text` is the method, `json` the params; `call` if it is known whose
    withdrawn,  // `ask` needs no answer any more
    told,       // a notification: `text` is the method, `json` the params
  };
  Kind kind = Kind::told;
  ClientCallId call = 0;
  ClientAskId ask = 0;
  std::string text;
  std::string json;
  bool is_error = false;
  Error error;
};

// What becomes of a call that its server answers with a task. Followed, it ends as the task does, and the
// task is cancelled with it. Started, it ends with what the server answered, and asks for a task where
// clients do that (2025-11-25).
enum class ClientTasks : std::uint8_t { follow, start };

// One request of the user.
struct ClientCallSpec {
  std::string method;
  std::string params_json;  // an object, or empty
  ClientTasks tasks = ClientTasks::follow;
  milliseconds task_ttl{0};  // that is asked for, where that is done; 0: as the server likes
  // Of a task that there is already: followed, without a request of its own, and left alone by a cancel.
  std::string task_id;
  bool wants_progress = false;
  milliseconds timeout{0};   // without a sign of life; 0: the limits' own
  milliseconds absolute{0};  // at most; 0: the limits' own
};

class ClientEngine {
 public:
  explicit ClientEngine(ClientEngineOptions options);

  // ---- Verbs of the user
  void start(Instant now);
  // Sent as soon as the client is ready; ends in `answered`, also when it cannot be sent.
  ClientCallId call(ClientCallSpec spec, Instant now);
  // No event follows for it.
  void cancel(ClientCallId call, Instant now);
  // The result of a question as JSON text, or an error for the server.
  void answer(ClientAskId ask, const Result<std::string>& result_json, Instant now);
  // A notification of ours; nothing in the modern era, which has none.
  void notify(std::string_view method, std::string_view params_json, Instant now);
  // What to be told of, in place of what was said before.
  void watch(ListenFilter wanted, Instant now);
  // Ends the session and whatever is open, without further events.
  void close(Instant now);

  // ---- Facts of the wire
  // A message; `id` is the sending whose reply it came in, 0 for the standalone stream and for lines.
  void heard(ClientSendId id, const ClientMessage& message, Instant now);
  void session_given(ClientSendId id, Bytes session_id);
  // The reply of a sending ended as it should, was refused by a status, or failed.
  void ended(ClientSendId id, Instant now);
  void refused(ClientSendId id, int status, Bytes body, Instant now);
  void failed(ClientSendId id, const Error& error, Outcome outcome, Instant now);
  void stream_opened(Instant now);
  void stream_unavailable(int status, Instant now);
  // Lines: the server is gone (Errc::unavailable: it never ran); and a fresh one is there.
  void wire_lost(const Error& why, Instant now);
  void restarted(Instant now);

  // ---- Time
  // When tick() is due; `never` when nothing waits.
  [[nodiscard]] Instant due() const;
  void tick(Instant now);

  // ---- What follows from all that
  [[nodiscard]] std::optional<ClientOrder> next_order();
  [[nodiscard]] std::optional<ClientEvent> next_event();

  [[nodiscard]] bool is_ready() const { return state_ == State::ready; }
  [[nodiscard]] bool is_over() const { return state_ == State::closed; }
  [[nodiscard]] const ServerIntroduction& server() const { return server_; }
  [[nodiscard]] std::size_t open_calls() const { return calls_.size(); }

 private:
  enum class State : std::uint8_t { idle, probing, initializing, opening, ready, closed };

  // What a sending was for.
  enum class Purpose : std::uint8_t {
    discover,
    initialize,
    initialized,  // the notification
    note,
    call,
    task_look,    // tasks/get, for a call
    task_result,  // tasks/result, the same
    task_answer,  // tasks/update, the same
    task_cancel,
    tools,  // a page of the list, read for headers
    listen,
    subscribe,  // or unsubscribe
    log_level,
  };
  struct Sending {
    Purpose purpose = Purpose::note;
    ClientCallId call = 0;
    std::uint64_t session = 0;  // which of our sessions it was sent in
  };
  struct Question {  // of one round
    std::string key;
    std::string method;
    std::string params;  // JSON text
    std::string url;
    ClientAskId ask = 0;
    std::optional<std::string> response;
  };
  struct TaskAnswer {  // to one of its questions
    std::string response;
    int sent = 0;  // so often
  };
  struct FollowedTask {
    std::string id;  // empty: there is none
    TaskStatus status = TaskStatus::working;
    std::string message;
    milliseconds pace{0};
    ClientSendId token = 0;   // legacy: of the request that made it, for its progress
    ClientSendId result = 0;  // legacy: tasks/result, which waits; meanwhile it is looked at
    std::size_t looks = 0;
    std::size_t failures = 0;  // in a row
    std::map<std::string, TaskAnswer> answers;
  };
  struct Call {
    ClientCallSpec spec;
    FollowedTask task;
    bool as_task = false;      // legacy: the request says so
    ClientSendId sending = 0;  // 0: not on its way
    Instant deadline = never;
    Instant deadline_absolute = never;
    Instant again_at = never;  // a retry that waits
    RetryParts retry;
    std::vector<Question> questions;
    std::size_t rounds = 0;
    std::set<std::string> opened_urls;
    Instant urls_until = never;
    milliseconds pace{0};
    std::optional<Error> url_error;  // legacy: error -32042 as it came, for a person who declines
    bool versions_told = false;
    bool tools_read = false;
    bool reissued = false;
  };
  struct Ask {  // a legacy server's own request, or a question of a call
    ClientCallId call = 0;
    std::string wire_id;       // raw; empty for a question
    Instant deadline = never;  // of a request; a question's is its call's
  };

  [[nodiscard]] bool modern() const { return era_ == Era::modern; }
  [[nodiscard]] bool may_be_asked() const;

  // client_engine.cc: the handshake, and facts
  ClientSendId order(Purpose purpose, std::string text, std::string_view method, std::string_view name,
                     ClientCallId call = 0, std::vector<HeaderPair> more = {}, ClientSendId id = 0);
  [[nodiscard]] std::vector<HeaderPair> session_fields() const;
  void send_note(std::string text);
  void probe(Instant now);
  void initialize(Instant now);
  void discovered(const Envelope& answer, Instant now);
  void initialized(const Envelope& answer, Instant now);
  void undiscovered(Instant now, const Error& why);
  void become_modern(const Json& discovery, Instant now);
  void become_legacy(const Error& why, Instant now);
  void become_ready(Instant now, std::string why = {});
  void give_up(Error why);
  void end_session();
  void session_lost(Instant now);
  void gate_open(Instant now);
  void over(ClientSendId id, const Sending& sending, const Error& error, Outcome outcome, Instant now);
  void event(ClientEvent::Kind kind, ClientCallId call, std::string text, Bytes json);
  void heard_response(ClientSendId id, const Envelope& envelope, Instant now);
  void heard_request(ClientSendId id, const Envelope& envelope, Instant now);
  void heard_notification(const Envelope& envelope, Instant now);

  // client_engine_calls.cc
  void send_call(ClientCallId id, Instant now);
  void finish(ClientCallId id, Result<std::string> result);
  void call_answered(ClientCallId id, const Envelope& envelope, Instant now);
  void call_refused(ClientCallId id, const Envelope& envelope, Instant now);
  void call_failed(ClientCallId id, const Error& error, Outcome outcome, Instant now);
  void input_required(ClientCallId id, const Envelope& envelope, Instant now);
  void urls_required(ClientCallId id, const Envelope& envelope, Instant now);
  void pose(ClientCallId id, Instant now);
  void round_answered(ClientCallId id, Instant now);
  void again(ClientCallId id, Instant at);
  void stop_call(ClientCallId id, Instant now);
  // Stands still while a person is asked for it, or may be.
  void restart_timer(ClientCallId id, Instant now);
  void restart_paused(Instant now);
  [[nodiscard]] bool waits_for_person(ClientCallId id) const;
  // Nobody waits for what it brings any more; 0 afterwards.
  void abandon(ClientSendId& sending);
  void leave(ClientCallId id);
  void read_tools(const std::optional<std::string>& cursor, Instant now);
  [[nodiscard]] std::string taken_tools(const Call& call, const Envelope& envelope);
  void retry_with_urls(Call& call, ClientCallId id, Instant now);
  void tools_answered(const Envelope& envelope, Instant now);
  void tick_tools(Instant now);
  void tick_call(ClientCallId id, Instant now);
  void tick_asks(Instant now);
  void drop_questions(ClientCallId id);
  void withdraw(const std::vector<Question>& questions);

  // client_engine_tasks.cc
  [[nodiscard]] bool knows_tasks() const;
  [[nodiscard]] std::string legacy_params(const Call& call) const;
  [[nodiscard]] bool became_task(ClientCallId id, const Envelope& envelope, Instant now);
  [[nodiscard]] bool wants_task(const Call& call, const Envelope& refusal) const;
  void note_task(ClientCallId id, const TaskState& state, Instant now);
  void follow(ClientCallId id, Instant now);
  ClientSendId send_for_task(ClientCallId id, Purpose purpose, std::string_view method,
                             const std::string& more = {});
  void task_answered(ClientCallId id, Purpose purpose, const Envelope& envelope, Instant now);
  void task_failed(ClientCallId id, Purpose purpose, const Error& error, Instant now);
  void task_lost(ClientCallId id, Purpose purpose, Instant at);
  void task_asks(ClientCallId id, const Envelope& envelope, Instant now);
  void task_round_answered(ClientCallId id, Instant now);
  void send_answers(ClientCallId id, const std::string& members);
  void heard_task(const Envelope& notification, Instant now);
  [[nodiscard]] std::vector<std::string> followed_tasks() const;

  // client_engine_listen.cc
  [[nodiscard]] bool is_watching() const;
  void listen(Instant now);
  void listen_ended(ClientSendId id, bool for_good, Instant now);
  void stop_listening(ClientSendId& id);
  void acknowledged(const Envelope& envelope, Instant now);
  void tell_missed();
  void subscribe_legacy(const std::set<std::string>& wanted, Instant now);
  void tick_listen(Instant now);

  ClientEngineOptions options_;
  Introduction who_;
  Random random_;
  MessageScanner scanner_;
  State state_ = State::idle;
  Era era_ = Era::legacy;
  ServerIntroduction server_;
  std::string session_id_;
  std::uint64_t session_ = 1;  // counts ours
  Instant session_since_{};
  std::size_t sessions_lost_ = 0;  // at once, in a row
  bool stream_was_open_ = false;   // the standalone stream of this session
  bool discover_told_versions_ = false;
  bool initialize_under_way_ = false;
  bool may_be_modern_ = false;     // it spoke as only a modern server would, and knows no discover
  std::optional<Json> discovery_;  // while initialize is under way
  Instant handshake_deadline_ = never;
  Instant probe_deadline_ = never;
  Instant gate_deadline_ = never;  // for the standalone stream; where it is only asked, for another answer
  std::uint64_t next_id_ = 1;
  std::unordered_map<ClientSendId, Sending> sendings_;
  std::map<ClientCallId, Call> calls_;  // in order, so that what waited goes out as it came
  std::unordered_map<ClientAskId, Ask> asks_;
  ToolHeaders tools_;
  std::size_t tool_pages_ = 0;
  std::vector<ClientCallId> await_tools_;
  ClientSendId tools_sending_ = 0;  // the page that they wait for
  Instant tools_deadline_ = never;
  // What we are told of.
  ListenFilter wanted_;
  std::set<std::string> subscribed_;  // legacy
  ClientSendId listening_ = 0;        // modern: acknowledged
  ClientSendId listening_next_ = 0;   // modern: not acknowledged yet
  Instant listening_since_{};
  Instant listen_deadline_ = never;
  Instant listen_again_at_ = never;
  int listen_failures_ = 0;
  bool listen_missed_ = false;  // nobody told us of changes for a while
  std::deque<ClientOrder> orders_;
  std::deque<ClientEvent> events_;
};

}  // namespace sluice
