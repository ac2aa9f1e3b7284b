// SPDX-License-Identifier: Apache-2.0
#include "apps/printable.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

void check(Bytes text, Bytes one, Bytes many) {
  EXPECT_EQ(printable(text, TextLines::one), one) << text;
  EXPECT_EQ(printable(text, TextLines::many), many) << text;
}

TEST(Printable, TextIsShownAsItIs) {
  check("", "", "");
  check("Grüße, 世界 🚰", "Grüße, 世界 🚰", "Grüße, 世界 🚰");
}

TEST(Printable, NothingMovesTheCursorOrSetsATitle) {
  check("a\x1B[2K\rb", "a�[2K�b", "a�[2K�b");
  check("\x1B]0;title\x07", "�]0;title�", "�]0;title�");
  check("\x7F\b", "��", "��");
  check(Bytes("\0", 1), "�", "�");
  check(
      "\xC2\x9B"
      "2J\xC2\x80",
      "�2J�", "�2J�");
  check("\xC2\xA0", "\xC2\xA0", "\xC2\xA0");
}

TEST(Printable, LinesAreKeptWhereSeveralAreWanted) { check("a\tb\nc\r\nd", "a�b�c��d", "a\tb\nc\nd"); }

TEST(Printable, WhatIsNoUtf8IsNotGivenToTheTerminal) {
  check(
      "a\x9B"
      "b",
      "a�b", "a�b");
  check("ü\xC3", "ü�", "ü�");
  check("\xF0\x9F\n", "���", "��\n");
}

}  // namespace
}  // namespace sluice
