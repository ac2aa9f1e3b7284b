// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every bound in the product, with its unit. A queue, table, header, body, depth or wait that is not bounded
// from here is a bug.
//
// Plain values; the defaults are the ledger's (docs/compliance.md). Configuration may change some of them,
// whoever assembles a worker passes the struct down. Any thread.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice {

using std::chrono::milliseconds;
using std::chrono::seconds;

// JSON text and JSON-RPC envelopes, on every transport.
struct JsonLimits {
  std::size_t message_bytes_max = 16 * 1024 * 1024;  // one JSON-RPC message (A3)
  std::size_t depth_max = 128;                       // nesting of arrays and objects
  std::size_t envelope_members_max = 64;             // members of the envelope, of params and of _meta
  std::size_t values_max = 1'000'000;                // in a text that is made a tree, which is larger
  std::size_t batch_messages_max = 100;              // messages in a 2025-03-26 batch
  std::size_t id_bytes_max = 256;                    // a JSON-RPC id or progress token, as text
  std::size_t method_bytes_max = 256;
};

// HTTP/1.1, both directions.
struct HttpLimits {
  std::size_t target_bytes_max = 8 * 1024;         // request target
  std::size_t header_value_bytes_max = 8 * 1024;   // one field line's value (B3)
  std::size_t header_block_bytes_max = 64 * 1024;  // start line and all field lines (B3)
  std::size_t header_fields_max = 128;
  std::size_t chunk_line_bytes_max = 256;  // chunk size with its extensions
  std::size_t trailer_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 16 * 1024 * 1024;   // of a request; a response is bounded by its messages
  std::size_t interim_responses_max = 8;           // 1xx answers before the final one
  std::size_t skipped_body_bytes_max = 1'000'000;  // read and dropped after an early refusal, then close (B3)
  milliseconds request_receipt = seconds(30);      // first byte to last byte of a request (B1)
  milliseconds keep_alive = seconds(65);           // idle between requests (B2)
};

// Server-Sent Events, both directions.
struct SseLimits {
  std::size_t event_bytes_max = 16 * 1024 * 1024 + 1024;  // one event: a message and its framing
  std::size_t id_bytes_max = 256;
  milliseconds keep_alive_comment = seconds(30);  // silence on an open stream before a comment is sent
};

// Listeners and connections.
struct NetLimits {
  std::size_t connections_max = 1'000;          // a listener, unless configured (A5)
  int backlog = 1'024;                          // A5
  std::size_t turn_read_bytes_max = 64 * 1024;  // a connection's share of one turn
  std::size_t turn_messages_max = 64;           // messages of one connection handled in one turn
  std::size_t unsent_bytes_soft = 100 * 1024;   // at this much unsent a writer is told to pause (BP1)
  std::size_t unsent_bytes_max =
      1024 * 1024;  // beyond this plus one message a peer that does not read is closed
  std::size_t deferred_jobs_max = 100'000;
  std::size_t pool_threads = 4;
  std::size_t pool_jobs_max = 1'024;
  milliseconds connect = seconds(10);
  milliseconds stall_report = seconds(1);  // a turn longer than this is reported by the watchdog
  // A channel of lines.
  std::size_t shown_bytes_max = 256;             // of a bad line, to whoever complains of it
  milliseconds starved_max = seconds(30);        // waiting for the byte budget
  milliseconds starved_look = milliseconds(50);  // how often it is asked meanwhile
};

// Protocol state: sessions, exchanges, streams.
struct McpLimits {
  std::size_t sessions_max = 100'000;
  std::size_t session_id_bytes_max = 512;
  std::size_t introduction_bytes_max = 64 * 1024;  // what a client says of itself, and of a modern request
  std::size_t exchanges_per_session_max = 256;     // requests in flight of one legacy session or stdio peer
  std::size_t asks_per_exchange_max = 16;          // questions open at once
  std::size_t ask_rounds_max = 10;
  std::size_t subscriptions_max = 1'000;  // resources subscribed by one session or listen (M3)
  std::size_t listens_per_principal_max = 64;
  std::size_t replay_events_max = 1'000;       // events kept a stream (ES4)
  std::size_t replay_bytes_max = 1024 * 1024;  // and their bytes
  milliseconds replay_age_max = std::chrono::hours(1);
  std::size_t cursor_bytes_max = 4 * 1024;
  std::size_t page_items_max = 100;
  std::size_t request_state_bytes_max = 64 * 1024;
  milliseconds request_state_age_max = seconds(600);
  milliseconds session_idle = std::chrono::minutes(30);   // A4
  milliseconds initialize = seconds(5);                   // downstream wait for the handshake (M1)
  milliseconds tool = seconds(30);                        // a call without progress (M4)
  milliseconds tool_absolute = std::chrono::minutes(60);  // and with it
  milliseconds ask = seconds(600);                        // a person answering
  std::size_t ended_streams_max = 16;  // ended POST streams of a session that can still be asked for
  std::size_t tasks_max = 10'000;      // calls that go on as tasks, and results that are kept of them
  std::size_t tasks_per_principal_max = 1'000;
  std::size_t task_id_bytes_max = 2 * 1024;
  std::size_t task_message_bytes_max = 8 * 1024;       // what a task says of its state; the rest is cut
  std::size_t task_watchers_max = 64;                  // requests that wait for one task's result
  milliseconds task_ttl = std::chrono::hours(1);       // how long a task is kept when nobody says
  milliseconds task_ttl_max = std::chrono::hours(24);  // and when somebody does
  milliseconds task_poll = seconds(1);                 // how often clients are told to look
};

// Children and upstreams.
struct UpstreamLimits {
  std::size_t children_max = 64;
  std::size_t stderr_line_bytes_max = 8 * 1024;
  std::size_t stderr_lines_per_second_max = 100;  // to the log; the rest is counted
  std::size_t bad_lines_max = 1'000;              // lines of garbage before a child is ended
  std::size_t connections_max = 256;              // to one HTTP upstream
  std::size_t waiting_max = 10'000;               // calls waiting for a connection (B6)
  std::size_t promised_bytes_max = 256 * 1024;    // of an answer, reserved at its Content-Length's word
  std::size_t unheard_bytes_max = 64 * 1024;      // after an answer, before its connection serves again
  milliseconds start_timeout = seconds(60);       // a cold npx
  milliseconds stop_grace = seconds(5);           // after TERM before KILL
  milliseconds restart_backoff_first = milliseconds(250);
  milliseconds restart_backoff_max = seconds(30);
  milliseconds steady_after = seconds(10);         // a child that lived this long starts without back-off
  milliseconds unheard = seconds(1);               // for those bytes
  milliseconds exit_after_end = seconds(2);        // between the end of a child's output and its exit
  milliseconds end_after_exit = seconds(1);        // the other way around: for what is still in the pipe
  milliseconds probe_reorder = milliseconds(500);  // for discover's answer, after the one to initialize
  milliseconds legacy_believed = std::chrono::minutes(10);  // of an HTTP server, before it is asked again
  std::size_t calls_in_flight_max = 4'096;                  // of a shared child; and as many that wait for it
  std::size_t tools_max = 10'000;                // of a list, those whose headers or tasks are remembered
  std::size_t tool_pages_max = 1'000;            // a tool list that is longer is taken to have no end
  std::size_t last_words_bytes_max = 512;        // of a child's stderr, in the sentence on its end
  milliseconds idle_connection = seconds(30);    // a pooled connection to an HTTP upstream
  std::size_t streams_max = 20'000;              // connections beside the pool, for requests that stay open
  milliseconds doubted_for = seconds(10);        // after a failure an HTTP upstream is not called usable
  milliseconds retry_least = milliseconds(100);  // a server that asks for less is not asked in a loop
  milliseconds retry_most = std::chrono::minutes(5);
  milliseconds reconnect_first = milliseconds(500);  // to the next try of a stream; doubled every time
  milliseconds reconnect_max = seconds(8);
  std::size_t refusal_bytes_max = 64 * 1024;  // of the body of an answer that is no MCP
  int oversized_events_max = 3;               // of a standalone stream, then it is done without
  std::size_t notes_max = 1'024;              // notifications and answers of one session under way
  milliseconds note_wait = seconds(30);       // for the answer to one
  milliseconds gate_wait = seconds(2);        // for a session's standalone stream to open
  std::size_t farewells_max = 1'024;          // sessions at one HTTP server that are being ended
  milliseconds farewell_wait = seconds(10);   // for the answer to a DELETE
};

// A client that is nobody's upstream side: the SDK's, and the programs made of it.
struct ClientLimits {
  int authorizations_max = 3;  // new credentials for one HTTP request
  // For the answer to server/discover from a command, before it is asked to initialize as well.
  milliseconds probe_wait = seconds(10);
  milliseconds handshake = seconds(60);  // from the start to being ready; a cold npx
  milliseconds gate_wait = seconds(2);   // for the standalone stream of a session that may be asked
  std::size_t calls_max = 4'096;         // open at once
  std::size_t ask_rounds_max = 10;       // of one call
  std::size_t asks_per_round_max = 16;
  std::size_t asks_max = 256;                             // of a legacy server, open at once
  milliseconds call = seconds(60);                        // a call without progress, unless it says otherwise
  milliseconds call_absolute = std::chrono::minutes(60);  // and with it
  milliseconds ask = seconds(600);                        // a person answering
  milliseconds round_pace = milliseconds(250);            // before a retry that asked nobody anything
  milliseconds round_pace_max = seconds(5);               // while the same page waits for a person
  std::size_t tools_max = 10'000;                         // whose headers are remembered
  std::size_t tool_pages_max = 1'000;                     // of a list that is read for them
  milliseconds tools_wait = seconds(10);                  // for a page of that list
  std::size_t sessions_lost_max = 3;       // without an answer in between, before a client gives up
  milliseconds listen_wait = seconds(10);  // for the acknowledgement of a subscription
  milliseconds listen_again_first = milliseconds(500);
  milliseconds listen_again_max = seconds(8);
  // A call that its server answered with a task.
  milliseconds task_poll = seconds(1);  // between two looks, where the server does not say
  milliseconds task_poll_least = milliseconds(100);
  milliseconds task_poll_most = seconds(60);
  std::size_t task_looks_failed_max = 5;                // in a row, before its call fails
  milliseconds task_absolute = std::chrono::hours(24);  // at most, unless the call says otherwise
};

// The bridge between the eras.
struct BridgeLimits {
  // A legacy client in front of a modern server.
  std::size_t tool_lists_max = 1'000;                 // one for each principal and set of capabilities
  std::size_t tools_max = 10'000;                     // of one list, those that need something done
  milliseconds tools_wait = seconds(10);              // for a tool list, before calls go without it
  milliseconds tools_kept = std::chrono::minutes(5);  // without news that it changed
  milliseconds round_pace = milliseconds(250);        // before a retry that asked nobody anything
  milliseconds round_pace_max = seconds(5);           // while the same page waits for a person
  milliseconds listen_wait = seconds(10);             // for the acknowledgement of a subscription
  // A modern client in front of a legacy server.
  std::size_t classes_per_principal_max = 4;  // sessions at the upstream, one a class of capabilities (D6.1)
  std::size_t sessions_max = 10'000;          // at one upstream
  std::size_t sessions_per_principal_max = 64;  // whatever headers it sends to have one for itself
  // Of one class, so that calls whose questions could not be told apart have one each.
  std::size_t sessions_per_class_max = 16;
  std::size_t askers_max = 1'000;  // names that are remembered for that
  milliseconds session_idle = std::chrono::minutes(5);
  std::size_t session_waiting_max = 1'024;   // requests that wait for one session to open
  milliseconds own_wait = seconds(10);       // for the answer to a request of ours before a client's
  milliseconds coalesce = milliseconds(20);  // from the first question to the answer that carries it
  std::size_t parked_max = 10'000;           // calls whose client was asked
  std::size_t parked_per_principal_max = 8;  // beyond, that principal's oldest is cancelled (D6.4)
  std::size_t parked_anonymous_max = 1'000;  // of those who show no key, who may be many
  std::size_t parked_logs_max = 64;          // log lines kept for the retry
  std::size_t parked_log_bytes_max = 64 * 1024;
  std::size_t attached_max = 4;             // retries of one round that are answered together
  milliseconds result_kept = seconds(60);   // for a second retry
  milliseconds ask_progress = seconds(20);  // between signs of life to an upstream whose question waits
  // Tasks, in both directions: how often an upstream's is looked at.
  milliseconds task_poll_least = milliseconds(100);
  milliseconds task_poll_most = seconds(10);
  std::size_t task_polls_failed_max = 5;  // in a row, before its call fails
};

// Several upstreams behind one route.
struct FederationLimits {
  std::size_t names_max = 100'000;  // shortened names whose meaning is remembered
  std::size_t uris_max = 100'000;   // resources and templates whose upstream is remembered
  std::size_t uri_bytes_max = 8 * 1024;
  std::size_t templates_max = 1'000;             // that URIs are held against
  std::size_t page_items_max = 1'000;            // lists are put on one page until it has this many
  std::size_t page_bytes_max = 4 * 1024 * 1024;  // and this much
  std::size_t learned_pages_max = 1'000;         // of one list that is read for what its names mean
  std::size_t asks_max = 1'024;                  // questions of all upstreams of one session, open at once
  std::size_t held_notes_max = 64;               // of a subscription that is not acknowledged yet
  milliseconds answer = seconds(10);             // an upstream's part of a list; then it is left out
  milliseconds handshake = seconds(5);           // its part of `initialize` or `server/discover`; the same
  std::size_t task_names_max = 1'000;  // tasks whose ids one session was told, so that it is told the same
  milliseconds change_notice{50};      // changes of lists within this are told once
  milliseconds listen_again = seconds(5);  // before a subscription that an upstream lost is made again
  // What may be seen of an upstream, and under which name.
  std::size_t patterns_max = 1'000;  // of one list of patterns or new names
  std::size_t pattern_bytes_max = 256;
  // What is remembered of lists.
  std::size_t callers_max = 1'000;              // that lists are remembered for
  std::size_t kept_pages_max = 20'000;          // of all of them
  std::size_t kept_bytes_max = 64'000'000;      // of those pages; charged to the budget
  milliseconds kept = std::chrono::minutes(5);  // however long the upstream allows
  milliseconds refresh_wait{
      250};                       // for a list of which an older one is there, or whose upstream was too slow
  milliseconds change_wait{250};  // an answer waits so long for what it may have changed
  // Looking for tools instead of listing them.
  std::size_t found_tools_max = 20;
  std::size_t query_bytes_max = 1024;
  std::size_t searched_bytes_max = 16 * 1024 * 1024;  // of all lists; what is beyond is not found
  std::size_t searched_text_bytes_max = 4 * 1024;     // of one description
  // Definitions that were accepted.
  std::size_t pins_max = 100'000;
  std::size_t pins_bytes_max = 32 * 1024 * 1024;  // of their file
  std::size_t reported_tools_max = 10'000;        // tools whose definitions were complained of, once each
};

// Authorization towards other people's servers: OAuth, asking side.
struct OauthLimits {
  std::size_t challenges_max = 16;  // of one WWW-Authenticate value
  std::size_t challenge_parameters_max = 32;
  std::size_t document_bytes_max = 64 * 1024;  // metadata, registration, token reply
  std::size_t document_depth_max = 16;
  std::size_t document_values_max = 4'096;
  std::size_t url_bytes_max = 8 * 1024;         // taken from others, or opened for the user
  std::size_t token_bytes_max = 8'000;          // with "Bearer " it fits into one field line
  std::size_t identifier_bytes_max = 4 * 1024;  // client id, client secret, authorization code
  std::size_t scopes_max = 128;
  std::size_t scope_bytes_max = 4 * 1024;  // all of them as one text
  std::size_t servers_max = 16;            // authorization servers of one resource that are looked at
  std::size_t error_bytes_max = 256;       // of a server's own words in a sentence of ours
  std::size_t consents_max = 3;            // within attempts_window, then the user is left alone
  std::size_t renewals_max = 10;           // within attempts_window, without the user
  milliseconds attempts_window = seconds(60);
  milliseconds renewed_early = seconds(30);   // before a token ends
  milliseconds request = seconds(10);         // one request to an authorization server
  milliseconds consent = seconds(600);        // a person who logs in
  std::size_t waiting_max = 1'024;            // calls that wait for one authorization
  std::size_t redirect_connections_max = 16;  // to the page that users come back to
  std::size_t store_bytes_max = 1024 * 1024;
  std::size_t store_grants_max = 256;
};

// The supervisor and its workers.
struct ProcessLimits {
  std::size_t deaths_max = 5;  // of workers within deaths_window; one more ends the program
  milliseconds deaths_window = seconds(60);
  milliseconds restart_first = milliseconds(100);  // doubled by every death in the window
  milliseconds heartbeat =
      milliseconds(250);                     // how often a worker gives a sign of life, and it is looked for
  milliseconds hang_timeout = seconds(10);   // without one
  milliseconds start_timeout = seconds(60);  // from exec to serving
  int quiet_beats = 8;                       // without a request before memory is given back, once
  milliseconds retire_check = milliseconds(250);  // between looks at what a reload retired
  milliseconds drain_check = milliseconds(20);    // and at what is left when the worker ends
  std::size_t config_bytes_max = 4 * 1024 * 1024;
  std::size_t secret_bytes_max = 64 * 1024;
};

// Observation.
struct ObserveLimits {
  std::size_t series_per_metric_max = 1'000;  // label sets of one metric; the rest goes to "other"
  std::size_t log_ring_bytes_max = 4 * 1024 * 1024;
  std::size_t log_line_bytes_max = 16 * 1024;
};

struct Limits {
  std::size_t worker_bytes_max = 1024ULL * 1024 * 1024;  // the byte budget of a worker
  JsonLimits json;
  HttpLimits http;
  SseLimits sse;
  NetLimits net;
  McpLimits mcp;
  UpstreamLimits upstream;
  BridgeLimits bridge;
  FederationLimits federation;
  OauthLimits oauth;
  ProcessLimits process;
  ObserveLimits observe;
  milliseconds drain = seconds(30);  // after SIGTERM (GS1)
  milliseconds drain_forced = seconds(35);
};

}  // namespace sluice
