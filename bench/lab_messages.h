// SPDX-License-Identifier: Apache-2.0
#pragma once
// The messages that the micro-benchmarks read: of the kinds and sizes by which designs were compared.

#include <string>

namespace sluice {

inline std::string lab_initialize() {
  return R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
         R"("capabilities":{"roots":{"listChanged":true},"sampling":{},"elicitation":{}},)"
         R"("clientInfo":{"name":"lab-client","title":"A client of the lab","version":"1.0.0"}}})";
}

inline std::string lab_call() {
  return R"({"jsonrpc":"2.0","id":4711,"method":"tools/call","params":{"name":"search_files",)"
         R"("arguments":{"path":"/srv/data","pattern":"*.json","recursive":true,"limit":50},)"
         R"("_meta":{"progressToken":"p-4711"}}})";
}

// A call as a 2026-07-28 client sends it.
inline std::string lab_modern_call() {
  return R"({"jsonrpc":"2.0","id":4711,"method":"tools/call","params":{"name":"search_files",)"
         R"("arguments":{"path":"/srv/data","pattern":"*.json","recursive":true,"limit":50},"_meta":{)"
         R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
         R"("io.modelcontextprotocol/clientInfo":{"name":"lab-client","version":"1.0.0"},)"
         R"("io.modelcontextprotocol/clientCapabilities":{}}}})";
}

// The answer to tools/list with fifty tools, some 18 KB.
inline std::string lab_tools_list() {
  constexpr int tools = 50;
  std::string text = R"({"jsonrpc":"2.0","id":2,"result":{"tools":[)";
  for (int i = 0; i < tools; ++i) {
    if (i > 0) text += ',';
    text +=
        R"({"name":"tool_)" + std::to_string(i) +
        R"(","title":"Tool","description":"Looks through the files below a folder and answers with )"
        R"(those whose names match.","inputSchema":{"type":"object","properties":{"path":{"type":"string",)"
        R"("description":"Where to look"},"limit":{"type":"integer","minimum":1,"maximum":100}},)"
        R"("required":["path"]},"annotations":{"readOnlyHint":true}})";
  }
  return text + "]}}";
}

// The head of a legacy client's POST.
inline std::string lab_head(std::size_t content_length) {
  return "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: lab-client/1.0 (node 22.19.0; linux "
         "x64)\r\n"
         "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
         "MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: "
         "AQEAAQAAAAEh6kC0b0Q0oXWf2c1o3Y0kAAAAAAAAAAGk3m0b0Q0oXWf2c1o3Y0kAAAAAAAAAAGk3m0b0Q0oXWf2c1o3Y0kAAAAA"
         "AAAAA"
         "\r\nContent-Length: " +
         std::to_string(content_length) + "\r\n\r\n";
}

}  // namespace sluice
