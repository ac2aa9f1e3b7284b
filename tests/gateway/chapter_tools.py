# SPDX-License-Identifier: Apache-2.0
"""Tools: what is listed, what is called, what comes back."""
import base64
import json

from kit import Chapter
from toolbox import expect, first
from users import PREFIX

chapter = Chapter("tools")
case = chapter.case
ODD = 'é \u2028 \U0001f600 "quoted" \\ \t tab / <b>'


def tool(user, name):
    return next(each for each in user.everything("tools/list", "tools") if each["name"] == name)


@case("every tool is listed once, in the server's order, over all pages")
def _(s):
    names = [each["name"] for each in s.user().everything("tools/list", "tools")]
    start = ["echo", "remember", "recall", "fail", "refuse", "steps", "logs", "hold", "ask", "ask_twice", "ask_three", "shapes"]
    return first(expect(names[:12] == start and "unusual" in names, f"the server's order, got {names}"),
                 expect(len(names) == len(set(names)), f"none twice, got {names}"))


@case("a page whose cursor is the empty string is a page like any other")
def _(s):
    user = s.user()
    page = user.ask("tools/list")
    following = user.ask("tools/list", {"cursor": page.result.get("nextCursor")})
    names = [[each["name"] for each in outcome.result["tools"]] if outcome.result else outcome for outcome in (page, following)]
    return expect(names[0][:1] == ["echo"] and names[1][:1] not in ([], ["echo"]), f"the second page, got {names}")


@case("a cursor that nobody gave is refused as -32602")
def _(s):
    outcome = s.user().ask("tools/list", {"cursor": "never given"})
    return expect(outcome.code == -32602, f"-32602, got {outcome}")


@case("the schema of a tool arrives as the server wrote it")
def _(s):
    schema = tool(s.user(), "unusual")["inputSchema"]
    wanted = {"$schema", "type", "$defs", "properties", "allOf", "additionalProperties"}
    return first(expect(set(schema) == wanted, f"{wanted}, got {schema}"),
                 expect(schema["$defs"]["name"].get("$anchor") == "name", f"the anchor, got {schema}"),
                 expect(schema["additionalProperties"] is False and schema["properties"]["who"] == {"$ref": "#name"},
                        f"the reference, got {schema}"))


@case("title, annotations, output schema and _meta of a tool arrive")
def _(s):
    listed = tool(s.user(), "sum")
    return first(expect(listed.get("title") == "Sum" and listed.get("annotations") == {"readOnlyHint": True, "idempotentHint": True},
                        f"both, got {listed}"),
                 expect(listed.get("outputSchema", {}).get("required") == ["sum"], f"the output schema, got {listed}"),
                 expect((listed.get("_meta") or {}).get("com.example/tag") == "kept", f"the tag, got {listed}"))


@case("a call reaches the server once, and its text comes back as it was written")
def _(s):
    mark = s.mark()
    outcome = s.user().tool("echo", {"text": ODD, "mark": mark})
    return first(expect(outcome.text == ODD, f"{ODD!r}, got {outcome}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("arguments arrive as they were sent: fractions, null, nesting, an empty name")
def _(s):
    mark = s.mark()
    sent = {"mark": mark, "negative": -1, "fraction": 0.1, "null": None, "": "empty", "deep": {"a": [{"b": [[], {}]}]}, ODD: ODD}
    outcome = s.user().tool("echo", sent)
    arrived = [report["got"]["params"]["arguments"] for report in s.server.called(mark)]
    return expect(arrived == [sent], f"{sent}, got {arrived} and {outcome}")


@case("numbers beyond 2^53 among the arguments arrive as they were sent")
def _(s):
    mark = s.mark()
    sent = {"mark": mark, "big": 12345678901234567890, "negative": -9007199254740993}
    s.user().tool("echo", sent)
    arrived = [report["got"]["params"]["arguments"] for report in s.server.called(mark)]
    return expect(arrived == [sent], f"{sent}, got {arrived}")


@case("every kind of content arrives")
def _(s):
    outcome = s.user().tool("shapes")
    kinds = [each.get("type") for each in (outcome.result or {}).get("content", [])]
    return first(expect(kinds == ["text", "image", "audio", "resource_link", "resource"], f"all five kinds, got {outcome}"),
                 expect(outcome.result["content"][0].get("annotations") == {"audience": ["user"], "priority": 0.5},
                        f"annotations, got {outcome}"),
                 expect(outcome.result["_meta"].get("com.example/result") == "kept", f"the result's _meta, got {outcome}"))


@case("kinds of content that a client's revision does not know become text", client="legacy", server="modern")
def _(s):
    known = {"2024-11-05": {"text", "image", "resource"}, "2025-03-26": {"text", "image", "resource", "audio"}}
    wrong = {}
    for revision, may in known.items():
        content = (s.user(revision=revision).tool("shapes").result or {}).get("content", [])
        if len(content) != 5 or not {each["type"] for each in content} <= may:
            wrong[revision] = content
    return expect(not wrong, f"five blocks of known kinds, got {wrong}")


@case("structured content arrives, with the text beside it")
def _(s):
    outcome = s.user().tool("sum", {"numbers": [1, 2]})
    return expect(outcome.result and outcome.result.get("structuredContent") == {"sum": 3} and outcome.text == "3",
                  f"the sum, got {outcome}")


@case("structured content that is an array stays one for a modern client, and is an object for a legacy one", server="modern")
def _(s):
    user = s.user()
    listed, outcome = tool(user, "list_of_numbers"), user.tool("list_of_numbers")
    shape, content = listed.get("outputSchema", {}), (outcome.result or {}).get("structuredContent")
    if s.client == "modern":
        return expect(shape.get("type") == "array" and content == [1, 2], f"an array, got {shape} and {outcome}")
    wrapped = content is None or isinstance(content, dict) and [1, 2] in content.values()
    return expect((not shape or shape.get("type") == "object") and wrapped,
                  f"an object whose schema says so, got {shape} and {outcome}")


@case("structured content is unknown to clients before 2025-06-18, and its text is there", client="legacy", server="modern")
def _(s):
    outcome = s.user(revision="2025-03-26").tool("list_of_numbers")
    return expect(outcome.result and "structuredContent" not in outcome.result and outcome.text == "[1, 2]",
                  f"text only, got {outcome}")


@case("a tool that failed is a result that says so")
def _(s):
    outcome = s.user().tool("fail")
    return expect(outcome.status == 200 and outcome.result and outcome.result.get("isError") is True and outcome.text == "it did not work",
                  f"isError, got {outcome}")


@case("an error of the server arrives with its code, its words and its data, and HTTP 200")
def _(s):
    outcome = s.user().tool("refuse", {"code": 4711})
    return expect(outcome.status == 200 and outcome.code == 4711 and outcome.error["message"] == "refused as asked"
                  and outcome.error.get("data") == {"com.example": ["kept", 1.5]}, f"4711 with its data, got {outcome}")


@case("a tool that is not there is an error -32602")
def _(s):
    outcome = s.user().tool("no_such_tool")
    return expect(outcome.code == -32602, f"-32602, got {outcome}")


@case("a modern result says resultType complete, a legacy one says nothing of the modern era")
def _(s):
    user = s.user()
    wrong = {}
    for method, params in (("tools/list", {}), ("tools/call", {"name": "sum", "arguments": {}}), ("prompts/list", {}),
                           ("resources/list", {}), ("prompts/get", {"name": "show"}), ("resources/read", {"uri": "kit://text"}),
                           ("resources/templates/list", {})):
        result = user.ask(method, params).result or {}
        hints = {"ttlMs", "cacheScope"} & set(result)
        cached = method not in ("tools/call", "prompts/get")
        if s.client == "legacy" and (hints or "resultType" in result or any(key.startswith(PREFIX) for key in result.get("_meta", {}))):
            wrong[method] = result
        if s.client == "modern" and (result.get("resultType") != "complete" or cached and len(hints) != 2):
            wrong[method] = result
    return expect(not wrong, f"results of the client's era, got {str(wrong)[:600]}")


@case("a modern result names the server in its _meta", client="modern")
def _(s):
    outcome = s.user().tool("echo", {"text": "x"})
    return expect(((outcome.result or {}).get("_meta") or {}).get(PREFIX + "serverInfo", {}).get("name"),
                  f"serverInfo, got {outcome}")


@case("_meta of a vendor reaches the server, and that of the other era does not")
def _(s):
    mark = s.mark()
    trace = {"com.example/trace": {"a": 1}, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    s.user().tool("echo", {"text": mark}, meta=trace)
    meta = s.server.called(mark)[0]["got"]["params"].get("_meta", {})
    return first(expect(meta.get("com.example/trace") == {"a": 1} and meta.get("traceparent", "").startswith("00-"),
                        f"both marks, got {meta}"),
                 expect(s.server.era == "modern" or not any(key.startswith(PREFIX) for key in meta), f"nothing modern, got {meta}"))


@case("a parameter that its tool's schema makes a header is one for the server", client="legacy", server="modern", over="http")
def _(s):
    mark = s.mark()
    outcome = s.user().tool("region", {"region": "north", "mark": mark})
    headers = [report["headers"].get("mcp-param-region") for report in s.server.called(mark)]
    return expect(outcome.result and headers == ["north"], f"Mcp-Param-Region: north, got {headers} and {outcome}")


@case("a header that says something else than the body is refused as -32020, and the server does not hear of it", client="modern")
def _(s):
    user, mark = s.user(), s.mark()
    wrong = ({"Mcp-Name": "fail"}, {"Mcp-Method": "tools/list"}, {"Mcp-Name": None})
    outcomes = [user.tool("echo", {"text": mark}, headers=headers) for headers in wrong]
    return first(expect(all((outcome.status, outcome.code) == (400, -32020) for outcome in outcomes),
                        f"HTTP 400 and -32020 each, got {outcomes}"),
                 expect(not s.server.called(mark), "no call at the server"))


@case("Mcp-Param-* is held against the body", client="modern", server="modern")
def _(s):
    user, mark = s.user(), s.mark()
    right = user.tool("region", {"region": "north", "mark": s.mark()}, headers={"Mcp-Param-Region": "north"})
    wrong = user.tool("region", {"region": "north", "mark": mark}, headers={"Mcp-Param-Region": "south"})
    return first(expect(right.result, f"a result, got {right}"), expect(wrong.code == -32020, f"-32020, got {wrong}"),
                 expect(s.over == "http" or wrong.status == 400 and not s.server.called(mark),
                        f"HTTP 400, and no call at the server, got {wrong}"))


@case("a name beyond ASCII is carried in the header as base64", client="modern")
def _(s):
    coded = "=?base64?" + base64.b64encode("zürich".encode()).decode() + "?="
    outcome = s.user().tool("zürich", headers={"Mcp-Name": coded})
    return expect(outcome.code == -32602, f"-32602 from the server, got {outcome}")


@case("twenty calls at once each get their own answer")
def _(s):
    user = s.user()
    marks = [s.mark() for _ in range(20)]
    pending = [user.start_tool("echo", {"text": mark}) for mark in marks]
    got = [each.outcome().text for each in pending]
    return expect(got == marks, f"{marks}, got {got}")


@case("a text of a megabyte goes there and back")
def _(s):
    sent = "0123456789abcdé" * 65536
    outcome = s.user().tool("echo", {"text": sent})
    return expect(outcome.text == sent, f"all of it, got {len(outcome.text or '')} characters and HTTP {outcome.status}")


@case("a call may leave out its arguments, and a list its params")
def _(s):
    user = s.user()
    called, listed = user.ask("tools/call", {"name": "echo"}), user.ask("tools/list", None)
    return expect(called.text == "" and (listed.result or {}).get("tools"), f"both, got {called} and {listed}")


@case("arguments of a hundred levels arrive")
def _(s):
    deep, mark = "end", s.mark()
    for _ in range(100):
        deep = {"a": deep} if isinstance(deep, str) or isinstance(deep, list) else [deep]
    s.user().tool("echo", {"mark": mark, "deep": deep})
    arrived = [report["got"]["params"]["arguments"]["deep"] for report in s.server.called(mark)]
    return expect(arrived == [deep], "all levels")


@case("what is escaped in JSON arrives as what it means")
def _(s):
    user, mark = s.user(), s.mark()
    words = f'"\\u0065\\ud83d\\ude00\\/\\b\\u0000{mark}"'
    meta = f', "_meta": {json.dumps(user.meta())}' if s.client == "modern" else ""
    body = f'{{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{words}}}{meta}}}}}'
    mirror = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo"} if s.client == "modern" else {}
    stream = user.stream("POST", body.encode(), user.fields(mirror))
    answer = stream.wait(lambda message: message.get("id") == 77, s.patience) or {}
    got = ((answer.get("result") or {}).get("content") or [{}])[0].get("text")
    return expect(got == json.loads(words), f"{json.loads(words)!r}, got {got!r}")
