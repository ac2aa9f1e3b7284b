// SPDX-License-Identifier: Apache-2.0
// Lines in pieces: the same lines as a cut at every LF gives, each within the limit and without a line end;
// written again they read back. The first byte seeds where the input is cut, and its highest bit puts a line
// before it that is longer than what an empty reader may keep. Every piece is an allocation of exactly its
// size.
#include <algorithm>
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
constexpr std::size_t kept_bytes_max = 64 * 1024;
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

// The second reader: cuts the whole input at every LF.
std::vector<std::string> slowly_read(Bytes input) {
  std::vector<std::string> lines;
  while (!input.empty()) {
    const std::size_t size = std::min(input.find('\n'), input.size());
    std::string line(input.substr(0, size));
    input.remove_prefix(std::min(size + 1, input.size()));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.size() > line_bytes_max) {
      lines.push_back(too_long);
    } else if (!line.empty()) {
      lines.push_back(line);
    }
  }
  return lines;
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
  CHECK(std::count(out.begin(), out.end(), '\n') == static_cast<std::ptrdiff_t>(expected.size()));
  CHECK(read(out, 0, 0) == expected);
}

// Line ends within a text go, and nothing else does.
void check_appending(Bytes input) {
  std::string expected = "before";
  for (const char c : input)
    if (c != '\n' && c != '\r') expected += c;
  std::string out = "before";
  append_line(out, input);
  CHECK(out == expected + "\n");
}

// A line beyond the memory that is kept, and then the input: the same lines, and the memory is given back.
void check_memory(Bytes input, const std::vector<std::string>& expected) {
  LineReader reader(line_bytes_max);
  std::vector<std::string> lines;
  reader.feed(std::string(kept_bytes_max + 1, 'x'));
  drain(reader, lines);
  CHECK(lines == std::vector{too_long} && reader.bytes_held() <= kept_bytes_max);
  reader.feed("\n");
  reader.feed(input);
  lines.clear();
  drain(reader, lines);
  reader.finish();
  drain(reader, lines);
  CHECK(lines == expected && reader.pending() == 0);
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const sluice::Bytes input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> whole = sluice::read(input, 0, 0);
  CHECK(sluice::slowly_read(input) == whole);
  CHECK(sluice::read(input, 1, 0) == whole);
  CHECK(sluice::read(input, 9, data[0]) == whole);
  sluice::check_writing(whole);
  sluice::check_appending(input);
  if ((data[0] & 0x80) != 0) sluice::check_memory(input, whole);
  return 0;
}
