// SPDX-License-Identifier: Apache-2.0
#pragma once
// The fixture of the conformance suite: every tool, resource and prompt whose name the suite knows, by the
// public SDK.
//
// The same handlers serve both eras; which one a client is of shows nowhere here. Each function registers one
// part.

#include "sdk/server.h"

namespace everything {

void add_tools(sluice::Server& server);
void add_asks(sluice::Server& server);
void add_resources(sluice::Server& server);
void add_prompts(sluice::Server& server);
void add_tasks(sluice::Server& server);

// A picture of one pixel and a silent sound, as bytes.
std::string tiny_png();
std::string tiny_wav();

}  // namespace everything
