// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Protocol keeps with sessions and listens. For protocol*.cc alone.

#include <map>
#include <string>

#include "sdk/protocol.h"

namespace sluice {

struct Protocol::Peer final : Attachment {
  struct Asked {
    Call* call;
    std::string key;
  };
  ClientCapabilities capabilities;
  Json client_info;
  Severity level = Severity::info;  // until the client sets one
  bool initialized = false;
  std::set<std::string, std::less<>> subscribed;   // uris
  std::map<std::string, Asked, std::less<>> asks;  // by the raw id we gave
};

struct Protocol::Listen final : Attachment {
  std::string id;  // raw
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::set<std::string, std::less<>> tasks;  // ids
  std::set<std::string, std::less<>> subscribed;
};

struct Protocol::Opened {
  Exchange& exchange;
  std::string method;
  Json params;
  Caller caller;
};

}  // namespace sluice
