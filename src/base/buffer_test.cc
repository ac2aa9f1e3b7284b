// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace sluice {
namespace {

// Touches every byte of the padding, so that a sanitizer speaks up when it is not there.
unsigned read_padding(PaddedBytes padded) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < padding_bytes; ++i) {
    const volatile char* byte = padded.data() + padded.size() + i;
    sum += static_cast<unsigned char>(*byte);
  }
  return sum;
}

TEST(Buffer, OwnsNothingWhileEmpty) {
  const Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.capacity(), 0U);
  EXPECT_EQ(buffer.view(), "");
}

TEST(Buffer, FillsAtTheBackAndIsConsumedAtTheFront) {
  Buffer buffer;
  buffer.append("hello ");
  buffer.append("");
  buffer.append("world");
  EXPECT_EQ(buffer.view(), "hello world");
  buffer.consume(6);
  EXPECT_EQ(buffer.view(), "world");
  buffer.consume(5);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, HasReadablePaddingBehindItAtEverySize) {
  Buffer buffer;
  for (int size = 1; size <= 1'100; ++size) {
    buffer.append("x");
    static_cast<void>(read_padding(buffer.padded()));
  }
  buffer.reserve(buffer.capacity() * 3);
  buffer.append(std::string(buffer.capacity() - buffer.size(), 'y'));
  EXPECT_EQ(buffer.size(), buffer.capacity());
  static_cast<void>(read_padding(buffer.padded()));
}

TEST(Buffer, ReusesItsConsumedFrontBeforeItGrows) {
  Buffer buffer;
  buffer.append(std::string(256, 'a'));
  const std::size_t capacity = buffer.capacity();
  buffer.consume(200);
  buffer.append(std::string(150, 'b'));
  EXPECT_EQ(buffer.capacity(), capacity);
  EXPECT_EQ(buffer.view(), std::string(56, 'a') + std::string(150, 'b'));
}

TEST(Buffer, KeepsItsBytesWhenItGrows) {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 2'000; ++i) {
    const std::string piece = std::to_string(i);
    buffer.append(piece);
    expected += piece;
    if (i % 3 == 0) {
      buffer.consume(1);
      expected.erase(0, 1);
    }
  }
  EXPECT_EQ(buffer.view(), expected);
}

TEST(Buffer, MovesWithoutCopying) {
  Buffer from;
  from.append("bytes");
  const char* data = from.view().data();
  Buffer to(std::move(from));
  EXPECT_EQ(to.view().data(), data);
  Buffer other;
  other.append("other");
  other = std::move(to);
  EXPECT_EQ(other.view(), "bytes");
}

TEST(Buffer, ClearKeepsItsMemoryAndResetReturnsIt) {
  Buffer buffer;
  buffer.append("bytes");
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_NE(buffer.capacity(), 0U);
  buffer.reset();
  EXPECT_EQ(buffer.capacity(), 0U);
  buffer.append("again");
  EXPECT_EQ(buffer.view(), "again");
}

TEST(PaddedString, KeepsItsTextApartFromItsPadding) {
  const PaddedString copied(Bytes("text"));
  EXPECT_EQ(copied.view(), "text");
  EXPECT_EQ(read_padding(copied.padded()), 0U);
  const PaddedString taken(std::string("long enough to be on the heap, surely"));
  EXPECT_EQ(taken.size(), 37U);
  EXPECT_EQ(read_padding(taken.padded()), 0U);
  const PaddedString empty;
  EXPECT_EQ(empty.view(), "");
}

}  // namespace
}  // namespace sluice
