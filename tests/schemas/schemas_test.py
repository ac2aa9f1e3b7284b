#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything our server writes, in every revision, against that revision's own JSON schema.

Usage: schemas_test.py SCHEMAS, the folder of YYYY-MM-DD.json. Drives examples/everything through every method and
validates each result by the definition its method has, each notification and each request by the union of what a server
may send, and each envelope.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from mcp_client import MODERN, Client  # noqa: E402
from toolbox import Server, Tally, binary, command, fetched  # noqa: E402

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
# Method, params, and the definition of its result.
LISTS = (("tools/list", {}, "ListToolsResult"), ("resources/list", {}, "ListResourcesResult"),
         ("resources/templates/list", {}, "ListResourceTemplatesResult"), ("prompts/list", {}, "ListPromptsResult"))
READS = (("resources/read", {"uri": "test://static-text"}, "ReadResourceResult"),
         ("resources/read", {"uri": "test://static-binary"}, "ReadResourceResult"),
         ("resources/read", {"uri": "test://template/7/data"}, "ReadResourceResult"),
         ("prompts/get", {"name": "test_simple_prompt"}, "GetPromptResult"),
         ("prompts/get", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}}, "GetPromptResult"),
         ("prompts/get", {"name": "test_prompt_with_embedded_resource", "arguments": {"resourceUri": "test://x"}}, "GetPromptResult"),
         ("prompts/get", {"name": "test_prompt_with_image"}, "GetPromptResult"),
         ("completion/complete", {"ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
                                  "argument": {"name": "arg1", "value": "a"}}, "CompleteResult"))
LEGACY_ONLY = (("ping", None, "EmptyResult"), ("logging/setLevel", {"level": "debug"}, "EmptyResult"),
               ("resources/subscribe", {"uri": "test://watched-resource"}, "EmptyResult"),
               ("resources/unsubscribe", {"uri": "test://watched-resource"}, "EmptyResult"))
ERRORS = (("tools/call", {"name": "no_such_tool"}), ("resources/read", {"uri": "test://no-such"}), ("no/such/method", {}))
# Tools that need no arguments beyond these.
ARGUMENTS = {"test_sampling": {"prompt": "p"}, "test_elicitation": {"message": "m"}, "test_x_mcp_header": {"region": "eu"}}
SKIPPED_TOOLS = {"test_reconnection"}


class Schema:
    """One revision's definitions, as validators by name."""

    def __init__(self, path):
        import jsonschema
        self.text = json.loads(path.read_text())
        self.key = "$defs" if "$defs" in self.text else "definitions"
        self.kind = jsonschema.validators.validator_for(self.text)

    def has(self, name):
        return name in self.text[self.key]

    def complaint(self, name, value):
        validator = self.kind({"$ref": f"#/{self.key}/{name}", self.key: self.text[self.key]})
        errors = sorted(validator.iter_errors(value), key=lambda error: len(error.message))
        return f"{name}: {errors[0].message[:300]}\n{json.dumps(value)[:500]}" if errors else None

    def envelope(self, message):
        if "method" in message:
            return "JSONRPCRequest" if "id" in message else "JSONRPCNotification"
        kind = "JSONRPCError" if "error" in message else "JSONRPCResponse"
        newer = {"JSONRPCError": "JSONRPCErrorResponse", "JSONRPCResponse": "JSONRPCResultResponse"}[kind]
        return newer if self.has(newer) else kind


def check(tally, schema, revision, what, reply, result_name):
    """Validates every message of a reply; `result_name` is the definition of the final result, None for an error."""
    complaints = []
    if not reply.messages:
        complaints.append(f"no message: {reply}")
    for message in reply.messages:
        complaints.append(schema.complaint(schema.envelope(message), message))
        if "method" in message:
            union = "ServerRequest" if "id" in message else "ServerNotification"
            complaints.append(schema.complaint(union, {key: value for key, value in message.items() if key in ("method", "params", "id", "jsonrpc")}))
    if result_name and reply.result is not None:
        name = result_name
        if reply.result.get("resultType") == "input_required":
            name = "InputRequiredResult"
        complaints.append(schema.complaint(name, reply.result))
    elif result_name:
        complaints.append(f"no result: {reply}")
    elif reply.error is None:
        complaints.append(f"no error: {reply}")
    tally.case(f"{revision} {what}", next((complaint for complaint in complaints if complaint), None))


def answer(schema, request):
    """What a user would answer, by the kind of question."""
    return {"sampling/createMessage": {"role": "assistant", "content": {"type": "text", "text": "t"}, "model": "m"},
            "elicitation/create": {"action": "decline"}, "roots/list": {"roots": []}}.get(request["method"], {})


def call_answering(client, tool, arguments):
    """A legacy tools/call whose questions are answered while its stream is open."""
    response = client.http("POST", body=json.dumps({"jsonrpc": "2.0", "id": f"c-{tool}", "method": "tools/call",
                                                    "params": {"name": tool, "arguments": arguments, "_meta": {"progressToken": f"t-{tool}"}}}).encode(),
                           headers=client.fields())
    reply = type("Streamed", (), {})()
    reply.messages, reply.status = [], response.status
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        reply.messages = [json.loads(response.read())]
    else:
        for line in response:
            if line.startswith(b"data: ") and len(line.strip()) > 6:
                message = json.loads(line[6:])
                reply.messages.append(message)
                if "method" in message and "id" in message:
                    client.post({"jsonrpc": "2.0", "id": message["id"], "result": answer(None, message)})
                elif "method" not in message:
                    break
    response.connection.close()
    reply.result, reply.error = reply.messages[-1].get("result"), reply.messages[-1].get("error")
    return reply


def legacy(tally, schema, revision, url):
    client = Client(url)
    capabilities = {"sampling": {}, "roots": {}, **({"elicitation": {}} if revision >= "2025-06-18" else {})}
    check(tally, schema, revision, "initialize", client.initialize(revision, capabilities), "InitializeResult")
    for method, params, name in LISTS + READS + LEGACY_ONLY:
        check(tally, schema, revision, f"{method} {params or ''}", client.request(method, params), name)
    for tool in [tool["name"] for tool in client.request("tools/list", {}).result["tools"]]:
        if tool in SKIPPED_TOOLS:
            continue
        reply = call_answering(client, tool, ARGUMENTS.get(tool, {}))
        check(tally, schema, revision, f"tools/call {tool}", reply, "CallToolResult" if reply.result is not None else None)
    for method, params in ERRORS:
        reply = client.request(method, params)
        check(tally, schema, revision, f"{method} {params}", reply, "CallToolResult" if reply.result else None)
    client.close()


def modern(tally, schema, url):
    client = Client(url)
    everything = {"io.modelcontextprotocol/clientCapabilities": {"sampling": {}, "roots": {}, "elicitation": {"form": {}, "url": {}}},
                  "io.modelcontextprotocol/logLevel": "debug"}
    ask = lambda method, params, headers=None: client.modern(method, params, headers, meta=everything)
    check(tally, schema, MODERN, "server/discover", ask("server/discover", {}), "DiscoverResult")
    for method, params, name in LISTS + READS:
        check(tally, schema, MODERN, f"{method} {params or ''}", ask(method, params), name)
    for tool in [tool["name"] for tool in ask("tools/list", {}).result["tools"]]:
        if tool in SKIPPED_TOOLS:
            continue
        mirrored = {"Mcp-Param-Region": "eu"} if tool == "test_x_mcp_header" else None
        reply = ask("tools/call", {"name": tool, "arguments": ARGUMENTS.get(tool, {})}, mirrored)
        check(tally, schema, MODERN, f"tools/call {tool}", reply, "CallToolResult" if reply.result is not None else None)
    for method, params in ERRORS:
        reply = ask(method, params)
        check(tally, schema, MODERN, f"{method} {params}", reply, "CallToolResult" if reply.result else None)


def main(folder):
    requirements = HERE / "requirements.txt"

    def fill(cache):
        command(sys.executable, "-m", "venv", cache / "venv")
        command(cache / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", cache / "requirements.txt")
    sys.path[:0] = [str(path) for path in (fetched("schemas", [requirements], fill) / "venv" / "lib").glob("*/site-packages")]
    tally = Tally()
    server = Server([binary("everything"), "--http", "127.0.0.1:0"])
    for revision in LEGACY:
        legacy(tally, Schema(folder / f"{revision}.json"), revision, server.url)
    modern(tally, Schema(folder / f"{MODERN}.json"), server.url)
    tally.case("the server ends well", server.stop())
    tally.end()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
