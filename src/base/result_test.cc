// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Errc::invalid, "odd");
  return number / 2;
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = half(4);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 2);

  const Result<int> bad = half(3);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Errc::invalid);
  EXPECT_EQ(bad.error().message, "odd");
}

TEST(Result, CarriesValuesThatOnlyMove) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 7);
}

TEST(Result, ConvertsTheValueItIsGiven) {
  const Result<std::string> text = "seven";
  EXPECT_EQ(text->size(), 5U);
}

TEST(Result, GivesItsErrorAwayWhenItIsATemporary) {
  const Error given = half(1).error();
  EXPECT_EQ(given.message, "odd");
}

TEST(Result, AnErrorPassesFromOneTypeToAnother) {
  const auto relay = []() -> Result<std::string> {
    const Result<int> first = half(5);
    if (!first) return first.error();
    return std::to_string(*first);
  };
  EXPECT_EQ(relay().error().message, "odd");
}

TEST(Result, AStatusIsGoodUntilToldOtherwise) {
  const Status good;
  EXPECT_TRUE(good.ok());
  const Status bad = error("disk full");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Errc::failed);
}

TEST(Result, AProtocolErrorCarriesItsNumberAndData) {
  const Error refused = protocol_error(-32602, "unknown tool", R"({"name":"x"})");
  EXPECT_EQ(refused.code, Errc::protocol);
  EXPECT_EQ(refused.number, -32602);
  EXPECT_EQ(refused.data, R"({"name":"x"})");
}

TEST(ResultDeathTest, TakingTheValueOfAnErrorIsABug) {
  const Result<int> bad = half(3);
  EXPECT_DEATH(static_cast<void>(*bad), "bug at");
}

TEST(ResultDeathTest, TakingTheErrorOfAValueIsABug) {
  const Result<int> good = half(2);
  EXPECT_DEATH(static_cast<void>(good.error()), "bug at");
}

}  // namespace
}  // namespace sluice
