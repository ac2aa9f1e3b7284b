// SPDX-License-Identifier: Apache-2.0
// What a client is told of: subscriptions that fail beside one that is open, and what is missed between two.
#include <gtest/gtest.h>

#include "mcp/client_engine_testing.h"

namespace sluice {
namespace {

void acknowledge(EngineDriver& client) {
  const ClientOrder order = client.last_send("subscriptions/listen");
  const std::string meta = R"({"io.modelcontextprotocol/subscriptionId":)" + std::to_string(order.id) + "}";
  client.hear(make_notification("notifications/subscriptions/acknowledged",
                                R"({"notifications":{},"_meta":)" + meta + "}"),
              order.id);
}

void watch(EngineDriver& client, const ListenFilter& wanted) {
  client.engine.watch(wanted, client.now);
  client.settle();
}

std::string told(EngineDriver& client) {
  std::string all;
  for (const ClientEvent& event : client.events)
    if (event.kind == ClientEvent::Kind::told)
      all += (all.empty() ? "" : " ") + event.text.substr(std::string("notifications/").size());
  return all;
}

enum class Failure { refusal, broken, silence };

TEST(ClientEngineListen, AFilterThatFailsBesideTheOpenOneIsAskedForAgain) {
  for (const Failure failure : {Failure::refusal, Failure::broken, Failure::silence}) {
    auto client = in_modern();
    ListenFilter wanted;
    wanted.tools = true;
    watch(*client, wanted);
    acknowledge(*client);
    wanted.uris = {"a://b"};
    watch(*client, wanted);
    const ClientOrder failing = client->orders.back();
    if (failure == Failure::refusal) client->refuse(failing, 503);
    if (failure == Failure::broken)
      client->engine.failed(failing.id, error("broke"), Outcome::sent_unknown, client->now);
    if (failure == Failure::silence) client->pass(ClientLimits{}.listen_wait);
    client->pass(ClientLimits{}.listen_again_first);
    const ClientOrder again = client->last_send("subscriptions/listen");
    ASSERT_NE(again.id, failing.id) << static_cast<int>(failure);
    EXPECT_NE(again.text.find("a://b"), std::string::npos);
    acknowledge(*client);
    EXPECT_EQ(client->orders.back().kind, ClientOrder::Kind::drop) << "the first, which stood until now";
    EXPECT_EQ(told(*client), "") << "nothing was missed";
  }
}

TEST(ClientEngineListen, OneThatIsRefusedForGoodLeavesTheOpenOneAlone) {
  auto client = in_modern();
  ListenFilter wanted;
  wanted.tools = true;
  watch(*client, wanted);
  acknowledge(*client);
  wanted.prompts = true;
  watch(*client, wanted);
  client->refuse(client->orders.back(), 400);
  client->pass(seconds(60));
  EXPECT_EQ(client->sent(), "subscriptions/listen subscriptions/listen");
}

TEST(ClientEngineListen, WhatMayHaveChangedBetweenTwoSubscriptionsIsTold) {
  auto client = in_modern();
  ListenFilter wanted;
  wanted.tools = wanted.prompts = wanted.resources = true;
  wanted.uris = {"a://1", "a://2"};
  watch(*client, wanted);
  acknowledge(*client);
  EXPECT_EQ(told(*client), "") << "the first misses nothing";
  client->engine.ended(client->last_send("subscriptions/listen").id, client->now);
  client->pass(ClientLimits{}.listen_again_first);
  EXPECT_EQ(told(*client), "") << "they can be asked for when the next stands";
  acknowledge(*client);
  EXPECT_EQ(told(*client),
            "tools/list_changed prompts/list_changed resources/list_changed resources/updated "
            "resources/updated");
  EXPECT_EQ(client->last_event(ClientEvent::Kind::told).json, R"({"uri":"a://2"})");
  client->events.clear();
  wanted.uris.clear();
  watch(*client, wanted);
  acknowledge(*client);
  EXPECT_EQ(told(*client), "") << "another filter";
  // The open one ends while the next is on its way.
  const ClientOrder open = client->last_send("subscriptions/listen");
  wanted.prompts = wanted.resources = false;
  watch(*client, wanted);
  client->engine.ended(open.id, client->now);
  acknowledge(*client);
  EXPECT_EQ(told(*client), "tools/list_changed");
}

TEST(ClientEngineListen, WhoWantedNothingMeanwhileMissedNothing) {
  auto client = in_modern();
  ListenFilter wanted;
  wanted.tools = true;
  watch(*client, wanted);
  acknowledge(*client);
  client->engine.ended(client->last_send("subscriptions/listen").id, client->now);
  watch(*client, {});
  watch(*client, wanted);
  acknowledge(*client);
  EXPECT_EQ(told(*client), "");
}

}  // namespace
}  // namespace sluice
