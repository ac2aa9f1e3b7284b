# SPDX-License-Identifier: Apache-2.0
"""A Python SDK client that uses a known server through whatever answers at URL.  client.py ERA SERVER URL

ERA is what negotiation must end with: legacy, or a modern revision. Prints {check: true | complaint}; exits 1 on one.
"""
import asyncio
import json
import sys

import mcp_types as types
from mcp.client.client import Client

ERA, SERVER, URL = sys.argv[1:4]


async def elicit(context, params):
    return types.ElicitResult(action="accept", content={"name": "Ada"})


async def sample(context, params):
    return types.CreateMessageResult(model="m", role="assistant", content=types.TextContent(type="text", text="forty-two"))


def equal(wanted, got):
    assert wanted == got, f"wanted {wanted!r}, got {got!r}"


def contains(wanted, got):
    assert wanted in got, f"wanted {wanted!r} in {got!r}"


class Checks:
    """The checks of each server: methods named SERVER_what_is_checked, in order."""

    def __init__(self, client):
        self.client = client

    async def tool(self, name, arguments=None, **options):
        result = await self.client.call_tool(name, arguments or {}, **options)
        return "\n".join(part.text for part in result.content if part.type == "text")

    async def both_negotiates_the_era(self):
        version = self.client.protocol_version
        assert version <= "2025-11-25" if ERA == "legacy" else version == ERA, f"negotiated {version}"

    async def everything_lists_tools(self):
        contains("echo", [tool.name for tool in (await self.client.list_tools()).tools])

    async def everything_calls_a_tool(self):
        equal("Echo: grüße 🚀", await self.tool("echo", {"message": "grüße 🚀"}))

    async def everything_hears_progress(self):
        heard = []

        async def progress(now, total, message):
            heard.append(now)

        await self.tool("trigger-long-running-operation", {"duration": 1, "steps": 4}, progress_callback=progress)
        equal([1, 2, 3, 4], heard)

    async def everything_reads_a_resource(self):
        uri = (await self.client.list_resources()).resources[0].uri
        equal(str(uri), str((await self.client.read_resource(str(uri))).contents[0].uri))

    async def everything_gets_a_prompt(self):
        contains("simple-prompt", [prompt.name for prompt in (await self.client.list_prompts()).prompts])
        assert (await self.client.get_prompt("simple-prompt")).messages

    async def everything_is_asked_for_a_sample(self):
        contains("forty-two", await self.tool("trigger-sampling-request", {"prompt": "p", "maxTokens": 10}))

    async def everything_makes_twenty_calls_at_once(self):
        said = await asyncio.gather(*(self.tool("echo", {"message": f"number {n}"}) for n in range(20)))
        equal([f"Echo: number {n}" for n in range(20)], said)

    async def asking_lists_tools(self):
        equal(["ask_model", "ask_name", "ask_twice", "count"], sorted(t.name for t in (await self.client.list_tools()).tools))

    async def asking_answers_an_elicitation(self):
        equal("hello Ada", await self.tool("ask_name"))

    async def asking_answers_a_sampling_request(self):
        equal("the model says forty-two", await self.tool("ask_model"))

    async def asking_answers_two_questions_of_one_call(self):
        equal("Ada hears forty-two", await self.tool("ask_twice"))


    async def together_lists_the_tools_of_all_four(self):
        listed = [tool.name for tool in (await self.client.list_tools()).tools]
        for name in ("everything__echo", "files__read_text_file", "memory__create_entities", "fixture__test_simple_text"):
            contains(name, listed)

    async def together_calls_each(self):
        equal("Echo: grüße 🚀", await self.tool("everything__echo", {"message": "grüße 🚀"}))
        contains("simple text", await self.tool("fixture__test_simple_text"))
        contains("[]", (await self.tool("memory__read_graph")).replace(" ", "").replace("\n", ""))
        contains("Allowed", await self.tool("files__list_allowed_directories"))

    async def together_is_asked_by_two(self):
        contains("Ada", await self.tool("everything__trigger-elicitation-request"))
        contains("forty-two", await self.tool("fixture__test_sampling", {"prompt": "six by seven?"}))

    async def together_reads_a_resource_and_gets_a_prompt(self):
        equal("test://static-text", str((await self.client.read_resource("test://static-text")).contents[0].uri))
        assert (await self.client.get_prompt("everything__simple-prompt")).messages


async def main():
    results = {}
    mode = "legacy" if SERVER == "together" and ERA == "legacy" else "auto"  # both are there: who wants the older one says so
    async with Client(URL, mode=mode, elicitation_callback=elicit, sampling_callback=sample) as client:
        checks = Checks(client)
        for name in [n for n in vars(Checks) if n.startswith(("both_", SERVER + "_"))]:
            said = name.partition("_")[2].replace("_", " ")
            try:
                await asyncio.wait_for(getattr(checks, name)(), 30)
                results[said] = True
            except Exception as trouble:  # Whatever the SDK raises is the answer.
                results[said] = f"{type(trouble).__name__}: {trouble}"[:600]
    results["closes its session"] = True
    print(json.dumps(results))
    sys.exit(0 if all(result is True for result in results.values()) else 1)


asyncio.run(main())
