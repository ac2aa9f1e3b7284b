// SPDX-License-Identifier: Apache-2.0
#pragma once
// Splicing: a message is changed by copying its text once, with other bytes in some places.
//
// Takes spans of one text that `MessageScanner` has taken and JSON texts to put there; commas are its
// business, blanks and everything untouched stay byte for byte. Edits may be given in any order and must not
// overlap. Values are views: they and the text live until the edits are applied. Any thread, one at a time.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "codec/json_scan.h"

namespace sluice {

class JsonSplice {
 public:
  // Replaces a value: `replace(envelope.id, "42")`.
  JsonSplice& replace(JsonSpan value, Bytes json);
  // Removes a member with its name and the comma that is then one too many. `member.key` must be set.
  JsonSplice& remove(JsonSpan member);
  // Adds a member at the front of an object. `name` is plain text and is escaped; nobody looks whether it is
  // there.
  JsonSplice& insert(JsonSpan object, Bytes name, Bytes json);
  // Replaces the member's value if there is one, else adds it to the object.
  JsonSplice& set(JsonSpan object, JsonSpan member, Bytes name, Bytes json);

  // Writes `text` with the edits; may be called again with the same text.
  void append_to(std::string& out, Bytes text);
  // Only a part of the text, such as `envelope.message` or `envelope.params`; every edit lies in it.
  void append_to(std::string& out, Bytes text, JsonSpan part);
  [[nodiscard]] std::string apply(Bytes text);

  [[nodiscard]] bool empty() const { return edits_.empty(); }
  // Forgets the edits and keeps the memory.
  void clear() { edits_.clear(); }

 private:
  enum class Action : std::uint8_t { replace, remove, insert };
  struct Edit {
    Action action;
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t order;  // of calls, for several inserts in one place
    Bytes name;
    Bytes json;
  };
  void settle(Bytes text);
  void append_insert(std::string& out, Bytes text, std::size_t index) const;

  std::vector<Edit> edits_;
  std::vector<Edit> plan_;  // the edits in the order of the text
};

}  // namespace sluice
