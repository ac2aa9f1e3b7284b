// SPDX-License-Identifier: Apache-2.0
#include "gateway/revision_bridge.h"

#include "gateway/gateway_testing.h"

namespace sluice {
namespace {

using testing_fronts::legacy_request;
using testing_gateway::TestPeer;

class RevisionBridgeTest : public testing_gateway::ChildGatewayTest {
 protected:
  // A session whose client asked for one revision and whose server answered with another.
  Fields connect_between(const std::string& asked, const std::string& answered) {
    start(child_config(EraSetting::legacy));
    auto client =
        post({}, legacy_request(1, "initialize",
                                R"({"protocolVersion":")" + asked +
                                    R"(","capabilities":{},"clientInfo":{"name":"c","version":"1"}})"));
    answer(last(), "initialize",
           R"({"protocolVersion":")" + answered +
               R"(","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}})");
    const auto welcomed = answer_of(*client);
    hello = welcomed.body;
    Fields fields{{"Mcp-Session-Id", welcomed.field("Mcp-Session-Id")}};
    post(fields, make_notification("notifications/initialized"));
    return fields;
  }
  static constexpr Bytes audio =
      R"({"content":[{"type":"audio","data":"AAAA","mimeType":"audio/wav"}],"structuredContent":{"a":1}})";
  std::string hello;
};

TEST_F(RevisionBridgeTest, TheClientIsToldItsOwnRevisionAndGetsItsShapes) {
  const Fields fields = connect_between("2024-11-05", "2025-11-25");
  EXPECT_NE(hello.find(R"("protocolVersion":"2024-11-05")"), std::string::npos) << hello;
  EXPECT_NE(sink.text.find("different revisions"), std::string::npos);
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  answer(last(), "tools/call", audio);
  const std::string body = answer_of(*call).body;
  EXPECT_NE(body.find(R"("id":2)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("type":"text")"), std::string::npos) << "2024-11-05 knows no audio: " << body;
  EXPECT_EQ(body.find("structuredContent"), std::string::npos) << body;
  auto refused = post(fields, legacy_request(3, "resources/read", R"({"uri":"a://b"})"));
  const std::string id = id_of(last(), "resources/read");
  say(last(), make_error_response(id, -32002, "not there", R"({"uri":"a://b"})"));
  EXPECT_NE(answer_of(*refused).body.find("-32002"), std::string::npos) << answer_of(*refused).body;
}

TEST_F(RevisionBridgeTest, AnOlderServerIsNoReasonToLeaveEither) {
  connect_between("2025-11-25", "2025-03-26");
  EXPECT_NE(hello.find(R"("protocolVersion":"2025-11-25")"), std::string::npos) << hello;
}

TEST_F(RevisionBridgeTest, WhoAgreesIsPassedThrough) {
  const Fields fields = connect_between("2025-11-25", "2025-11-25");
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x"})"));
  answer(last(), "tools/call", audio);
  EXPECT_EQ(answer_of(*call).body, make_response("2", audio));
}

TEST_F(RevisionBridgeTest, ARevisionThatNobodyKnowsIsTheServersToAnswer) {
  connect_between("1999-01-01", "2025-06-18");
  EXPECT_NE(hello.find(R"("protocolVersion":"2025-06-18")"), std::string::npos) << hello;
}

TEST_F(RevisionBridgeTest, QuestionsNotificationsAndCancelsPass) {
  const Fields fields = connect_between("2025-03-26", "2025-11-25");
  auto call = post(fields, legacy_request(2, "tools/call", R"({"name":"x","_meta":{"progressToken":"p"}})"));
  say(last(), make_notification("notifications/progress", R"({"progressToken":"p","progress":1})"));
  say(last(), make_request("9", "ping"));
  EXPECT_NE(call->received.find("notifications/progress"), std::string::npos) << call->received;
  post(fields, make_notification("notifications/cancelled", R"({"requestId":2})"));
  EXPECT_NE(last().io->received.find(R"("notifications/cancelled")"), std::string::npos)
      << last().io->received;
  last().exit(1);
  world.settle();
  world.advance(seconds(2));
  EXPECT_EQ(answer_of(*post(fields, legacy_request(4, "ping"))).status, 404);
  EXPECT_EQ(metric("sluice_calls_in_flight"), 0U);
}

}  // namespace
}  // namespace sluice
