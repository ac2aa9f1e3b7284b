// SPDX-License-Identifier: Apache-2.0
// Tasks as a client's author sees them: of both eras, followed without a word, or held by their names.
#include "sdk/client_task.h"

#include <gtest/gtest.h>

#include "sdk/connect.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

struct Name {
  std::string name;
};
struct Trip {
  std::string city;
};
struct Booking {
  std::string id;
};

constexpr Tool<Trip, Booking> book{"book", "Books"};

// A server whose tools run as tasks; `ended` counts frames that were destroyed or ended.
class Desk {
 public:
  Desk() : server("desk", "1") {
    server
        .tool(book,
              [this](Trip trip, Context& ctx) -> Task<Result<Booking>> {
                const Guard guard{ended};
                ctx.progress(0, 1, "packing");
                co_await ctx.sleep(3s);
                if (trip.city.empty()) co_return error("no city");
                co_return Booking{"B-" + trip.city};
              })
        .task(TaskSupport::required);
    server
        .tool("greet", "",
              [](Context& ctx) -> Task<std::string> {
                co_await ctx.sleep(1s);
                const auto first = form<Name>("first", "First name?");
                const auto last = form<Name>("last", "Last name?");
                auto names = co_await ctx.ask_all(first, last);
                if (!std::get<0>(names)) co_return std::get<0>(names).why();
                co_return std::get<0>(names)->name + " " + std::get<1>(names)->name;
              })
        .task(TaskSupport::optional);
    server.tool("plain", "", [] { return "plain"; });
  }

  Server server;
  int ended = 0;

 private:
  struct Guard {
    int& count;
    ~Guard() { ++count; }
  };
};

class ClientTasksBothEras : public ::testing::TestWithParam<Revision> {
 protected:
  [[nodiscard]] bool modern() const { return era_of(GetParam()) == Era::modern; }
  MemoryClient client() {
    ConnectOptions options;
    options.revision = GetParam();
    options.replay = false;
    return connect(desk.server, options);
  }
  Desk desk;
  const Trip rome{"Rome"};
  const Trip nowhere{""};
};

INSTANTIATE_TEST_SUITE_P(Eras, ClientTasksBothEras,
                         ::testing::Values(Revision::r2025_11_25, Revision::r2026_07_28),
                         [](const auto& revision) {
                           return "In" + std::string(revision_text(revision.param).substr(0, 4));
                         });

TEST_P(ClientTasksBothEras, ACallThatBecomesATaskEndsAsTheTaskDoes) {
  auto user = client();
  std::string said;
  auto call = user.call(book, rome);
  call.on_progress([&said](const Progress& progress) { said = progress.message; });
  const auto booking = call.wait();
  ASSERT_TRUE(booking) << booking.error().message;
  EXPECT_EQ(booking->id, "B-Rome");
  EXPECT_EQ(said, "packing");
  const auto failed = user.call(book, nowhere).wait();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no city");
}

TEST_P(ClientTasksBothEras, DroppingTheCallCancelsTheTask) {
  auto user = client();
  {
    auto call = user.call(book, rome);
    user.advance(1s);
    EXPECT_EQ(desk.ended, 0);
  }
  user.settle();
  EXPECT_EQ(desk.ended, 1);
}

TEST_P(ClientTasksBothEras, ATimeoutCountsFromTheLastLook) {
  auto user = client();
  auto call = user.call(book, rome);
  call.timeout(500ms);
  EXPECT_TRUE(call.wait()) << "a task that is there is a sign of life";
  auto short_call = user.call(book, rome);
  short_call.at_most(2s);
  EXPECT_EQ(short_call.wait().error().code, Errc::timed_out);
  user.settle();
  EXPECT_EQ(desk.ended, 2);
}

TEST_P(ClientTasksBothEras, QuestionsOfATaskGoToTheSameHandlers) {
  auto user = client();
  int asked = 0;
  user.on_ask<Name>([&asked](std::string_view message) -> std::optional<Name> {
    ++asked;
    return Name{message == "First name?" ? "Ada" : "Lovelace"};
  });
  auto starting = user.start<std::string>("greet", Json::object());
  const auto task = starting.wait();
  ASSERT_TRUE(task) << task.error().message;
  const auto name = task->result().wait();
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(*name, "Ada Lovelace");
  EXPECT_EQ(asked, 2);
}

TEST_P(ClientTasksBothEras, ATaskIsHeldByItsName) {
  auto user = client();
  auto starting = user.start(book, rome, 60s);
  auto task = starting.wait();
  ASSERT_TRUE(task) << task.error().message;
  ASSERT_FALSE(task->id().empty());
  auto state = task->state().wait();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, TaskStatus::working);
  EXPECT_EQ(state->message, "packing");
  if (!modern()) {
    EXPECT_EQ(state->ttl_ms.value_or(0), 60'000);
    const auto listed = user.tasks().next().wait();
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ((*listed)[0].name, task->id());
  }
  {
    auto looks_away = task->result();
    user.advance(1s);
  }
  user.advance(3s);
  EXPECT_EQ(desk.ended, 1) << "it went on";
  state = task->state().wait();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, TaskStatus::completed);
  const auto booking = user.task<Json>(task->id()).result().wait();
  ASSERT_TRUE(booking) << booking.error().message;
  EXPECT_EQ((*booking)["structuredContent"]["id"].string_or(""), "B-Rome");
}

TEST_P(ClientTasksBothEras, ATaskIsCancelledByItsName) {
  auto user = client();
  auto starting = user.start(book, rome);
  auto task = starting.wait();
  ASSERT_TRUE(task);
  EXPECT_TRUE(task->cancel().wait());
  EXPECT_EQ(desk.ended, 1);
  EXPECT_EQ(task->state().wait()->status, TaskStatus::cancelled);
  EXPECT_EQ(task->result().wait().error().message, "the server cancelled the task");
  EXPECT_FALSE(user.task("nobody's").state().wait());
  EXPECT_FALSE(user.task("nobody's").result().wait());
}

TEST_P(ClientTasksBothEras, WhatIsDoneAtOnceHasNoNameAndItsResult) {
  if (!modern()) return;  // a client of 2025-11-25 asks for a task, and the tool has to take that
  auto user = client();
  auto starting = user.start<std::string>("plain", Json::object());
  auto task = starting.wait();
  ASSERT_TRUE(task);
  EXPECT_EQ(task->id(), "");
  EXPECT_EQ(task->state().wait()->status, TaskStatus::completed);
  EXPECT_EQ(*task->result().wait(), "plain");
  EXPECT_TRUE(task->cancel().wait());
}

TEST(ClientTasks, AreOfNoUseToAClientThatDoesNotWantThem) {
  Desk desk;
  ConnectOptions options;
  options.client.tasks = false;
  auto user = connect(desk.server, options);
  EXPECT_EQ(*user.call<std::string>("plain", Json::object()).wait(), "plain");
  const Trip rome{"Rome"};
  EXPECT_EQ(user.call(book, rome).wait().error().number, -32021);
}

}  // namespace
}  // namespace sluice
