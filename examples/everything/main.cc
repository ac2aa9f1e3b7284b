// SPDX-License-Identifier: Apache-2.0
// `everything` speaks over stdio, `everything --http 127.0.0.1:0` over HTTP; `--era legacy|modern` serves one
// era only.
#include "everything.h"

int main(int argc, char** argv) {
  sluice::Server server("sluice-everything", "1.0.0");
  server.title("Sluice's conformance fixture").instructions("Call the tools whose names begin with test_.");
  everything::add_tools(server);
  everything::add_asks(server);
  everything::add_resources(server);
  everything::add_prompts(server);
  everything::add_tasks(server);
  return server.run(argc, argv);
}
