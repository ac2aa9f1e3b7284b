# SPDX-License-Identifier: Apache-2.0
"""A server on the Python SDK, over stdio and in both eras, whose tools ask the client: in the legacy era by requests during the
call, in the modern one by input_required, as the SDK has it."""
import asyncio
from typing import Annotated

import mcp_types as types
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve, Sample
from pydantic import BaseModel

server = MCPServer("asking-python")


class Name(BaseModel):
    name: str


def ask_for_name() -> Elicit[Name]:
    return Elicit("Your name?", Name)


def ask_the_model() -> Sample:
    question = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="six by seven?"))
    return Sample([question], max_tokens=20)


Asked = Annotated[Name, Resolve(ask_for_name)]
Sampled = Annotated[types.CreateMessageResult, Resolve(ask_the_model)]


@server.tool(description="Greets by name")
def ask_name(who: Asked) -> str:
    return f"hello {who.name}"


@server.tool(description="Asks the model")
def ask_model(answer: Sampled) -> str:
    return f"the model says {answer.content.text}"


@server.tool(description="Asks both")
def ask_twice(who: Asked, answer: Sampled) -> str:
    return f"{who.name} hears {answer.content.text}"


@server.tool(description="Counts to three")
async def count(context: Context) -> str:
    for now in (1, 2, 3):
        await context.report_progress(now, 3)
        await asyncio.sleep(0.03)  # some clients forget progress that came together with the result
    return "counted"


server.run()
