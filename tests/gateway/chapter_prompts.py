# SPDX-License-Identifier: Apache-2.0
"""Prompts and completion."""
from kit import Chapter
from toolbox import expect, first

chapter = Chapter("prompts")
case = chapter.case


@case("every prompt is listed with its arguments")
def _(s):
    listed = s.user().everything("prompts/list", "prompts")
    return expect([each["name"] for each in listed] == ["greet", "show"] and listed[0]["arguments"] == [{"name": "who",
                  "required": True}, {"name": "style"}],
                  f"greet and show, got {listed}")


@case("a prompt is filled in by the server")
def _(s):
    outcome = s.user().ask("prompts/get", {"name": "greet", "arguments": {"who": "Ann \u2028 é"}})
    messages = (outcome.result or {}).get("messages") or [{}]
    return expect(messages[0].get("role") == "user" and messages[0]["content"]["text"] == f"Hello Ann \u2028 é from {s.server.name}",
                  f"the greeting, got {outcome}")


@case("a prompt carries an embedded resource")
def _(s):
    outcome = s.user().ask("prompts/get", {"name": "show"})
    content = ((outcome.result or {}).get("messages") or [{}])[0].get("content", {})
    return expect(content.get("resource", {}).get("uri") == f"kit://{s.server.name}/own", f"the resource, got {outcome}")


@case("a prompt that is not there, and one without an argument it needs, are errors -32602")
def _(s):
    user = s.user()
    codes = [user.ask("prompts/get", {"name": "none"}).code, user.ask("prompts/get", {"name": "greet"}).code]
    return expect(codes == [-32602, -32602], f"-32602 twice, got {codes}")


@case("an argument of a prompt and a variable of a template are completed")
def _(s):
    user, got = s.user(), []
    for reference in ({"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": f"kit://{s.server.name}/item/{{id}}"}):
        outcome = user.ask("completion/complete", {"ref": reference, "argument": {"name": "who", "value": "x"}})
        got.append((outcome.result or {}).get("completion", outcome))
    return expect(got == [{"values": ["xa", "xb"], "total": 2, "hasMore": False}] * 2, f"xa and xb twice, got {got}")


@case("completion knows what was chosen before")
def _(s):
    outcome = s.user().ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"},
                                                   "argument": {"name": "style", "value": "x"}, "context": {"arguments": {"who": "Ann"}}})
    return expect("Ann" in (outcome.result or {}).get("completion", {}).get("values", []), f"Ann among the values, got {outcome}")


@case("completion of what is not there is an error -32602")
def _(s):
    outcome = s.user().ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "none"}, "argument": {"name": "a", "value": ""}})
    return first(expect(outcome.code == -32602, f"-32602, got {outcome}"))
