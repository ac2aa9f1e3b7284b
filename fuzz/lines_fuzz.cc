// SPDX-License-Identifier: Apache-2.0
// Lines in pieces: the same lines as in one piece, each within the limit and without a line end; written
// again they read back. The first byte seeds where the input is cut; every piece is an allocation of exactly
// its size.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/lines.h"

namespace sluice {
namespace {

constexpr std::size_t line_bytes_max = 40;
const std::string too_long = "\n";  // no line can be this

void drain(LineReader& reader, std::vector<std::string>& lines) {
  for (;;) {
    PaddedBytes line;
    switch (reader.next(line)) {
      case LineReader::Step::line: {
        CHECK(!line.bytes.empty() && line.size() <= line_bytes_max);
        CHECK(line.bytes.find('\n') == Bytes::npos);
        std::string padding(line.data() + line.size(), padding_bytes);  // may be read
        lines.emplace_back(line.bytes);
        break;
      }
      case LineReader::Step::too_long: lines.push_back(too_long); break;
      case LineReader::Step::need_bytes: return;
    }
  }
}

// Pieces of 1 to `piece_max` bytes, pseudo-random from the seed; 0 for all at once.
std::vector<std::string> read(Bytes input, std::size_t piece_max, unsigned seed) {
  LineReader reader(line_bytes_max);
  std::vector<std::string> lines;
  while (!input.empty()) {
    seed = seed * 1103515245U + 12345U;
    const std::size_t wanted = piece_max == 0 ? input.size() : 1 + (seed >> 16) % piece_max;
    const std::size_t size = wanted < input.size() ? wanted : input.size();
    const std::unique_ptr<char, decltype(&std::free)> piece(static_cast<char*>(std::malloc(size)), std::free);
    std::memcpy(piece.get(), input.data(), size);
    reader.feed(Bytes(piece.get(), size));
    drain(reader, lines);
    CHECK(reader.pending() <= line_bytes_max + 1);
    input.remove_prefix(size);
  }
  reader.finish();
  drain(reader, lines);
  CHECK(reader.pending() == 0);
  return lines;
}

void check_writing(const std::vector<std::string>& lines) {
  std::string out;
  std::vector<std::string> expected;
  for (const std::string& line : lines) {
    if (line == too_long || line.find('\r') != std::string::npos) continue;
    append_line(out, line);
    expected.push_back(line);
  }
  CHECK(read(out, 0, 0) == expected);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const sluice::Bytes input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> whole = sluice::read(input, 0, 0);
  CHECK(sluice::read(input, 1, 0) == whole);
  CHECK(sluice::read(input, 9, data[0]) == whole);
  sluice::check_writing(whole);
  return 0;
}
