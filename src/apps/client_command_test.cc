// SPDX-License-Identifier: Apache-2.0
#include "apps/client_command.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ClientCommand, ArgumentsAreWhatTheSchemaSaysOfTheirKeys) {
  const Json schema = *Json::parse(
      R"({"properties":{"text":{"type":"string"},"n":{"type":"integer"},"on":{"type":"boolean"},"list":{"type":"array"}}})");
  const auto arguments =
      tool_arguments({"text=42", "n=42", "on=true", "list=[1,2]", "free=x=y", "number=7"}, schema);
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->dump(), R"({"text":"42","n":42,"on":true,"list":[1,2],"free":"x=y","number":7})");
}

TEST(ClientCommand, OneJsonObjectIsTheArguments) {
  EXPECT_EQ(tool_arguments({R"({"a":{"b":1}})"}, Json())->dump(), R"({"a":{"b":1}})");
  EXPECT_FALSE(tool_arguments({"{broken"}, Json()));
  EXPECT_EQ(tool_arguments({}, Json())->dump(), "{}");
}

TEST(ClientCommand, AWordWithoutAKeyIsNamed) {
  EXPECT_EQ(tool_arguments({"a=1", "oops"}, Json()).error().message,
            "'oops' is neither key=value nor a JSON object");
}

TEST(ClientCommand, OnlyAServerThatIsNotReachedIsNoServer) {
  for (const Errc code : {Errc::closed, Errc::unavailable, Errc::io})
    EXPECT_EQ(exit_code_of(Error(code, "")), 3);
  for (const Errc code : {Errc::denied, Errc::not_found, Errc::invalid, Errc::too_large, Errc::protocol,
                          Errc::failed, Errc::timed_out, Errc::exhausted})
    EXPECT_EQ(exit_code_of(Error(code, "")), 1);
}

TEST(ClientCommand, WhatIsMissingIsAUsageError) {
  ClientCommand command;
  EXPECT_EQ(run_client_command(command), 2);
  command.verb = ClientCommand::Verb::call;
  command.words = {"http://127.0.0.1:1/mcp"};
  EXPECT_EQ(run_client_command(command), 2);
  command.words = {"http://127.0.0.1:1/mcp", "tool"};
  EXPECT_EQ(run_client_command(command), 3) << "nobody is there";
}

}  // namespace
}  // namespace sluice
