# SPDX-License-Identifier: Apache-2.0
"""Habits of servers that are allowed, or common: a gateway gets along with each, whatever the client."""
import json

from kit import Chapter, goes_on
from toolbox import expect, first
from users import Person

chapter = Chapter("habits")
case = chapter.case
NAMED = {"action": "accept", "content": {"name": "Ann"}}


def works(s):
    """What every client needs: a list, calls, two clients at once."""
    user, other, sent = s.user(), s.user(), "grüße \u2028"
    names = [each["name"] for each in user.everything("tools/list", "tools")]
    outcome = user.tool("echo", {"text": sent})
    return first(expect("echo" in names, f"the tools, got {names}"), expect(outcome.text == sent, f"{sent!r}, got {outcome}"),
                 goes_on(other), goes_on(user))


@case("a server that knows no sessions", server="legacy", over="http", odd=("no-sessions", "post-only"))
def _(s):
    return works(s)


@case("a server that answers POST only", server="legacy", over="http", odd=("post-only",))
def _(s):
    return works(s)


@case("a server that makes a stream of every answer, with names, comments and CRLF", over="http", odd=("always-streams",))
def _(s):
    return works(s)


@case("a server that names its character set", over="http", odd=("charset",))
def _(s):
    return works(s)


@case("a command that prints what is no message", over="stdio", odd=("noise",))
def _(s):
    return works(s)


@case("a command that ends its lines with CRLF", over="stdio", odd=("crlf",))
def _(s):
    return works(s)


@case("a command that does not answer server/discover", server="legacy", over="stdio", odd=("silent-on-discover",))
def _(s):
    return works(s)


@case("a command that ends when it is asked server/discover", server="legacy", over="stdio", odd=("exits-on-discover",))
def _(s):
    return works(s)


@case("a command that answers server/discover with an error of its own", server="legacy", over="stdio", odd=("refuses-discover",))
def _(s):
    return works(s)


@case("a server that speaks before it answers initialize", server="legacy", odd=("early-words",))
def _(s):
    return works(s)


@case("a server of 2024-11-05 only", server="legacy", odd=("old",))
def _(s):
    user = s.user()
    version = user.greeting.result["protocolVersion"] if s.client == "legacy" else "2026-07-28"
    return first(expect(s.client == "modern" or version in ("2024-11-05", "2025-11-25"), f"a revision, got {version}"), works(s))


@case("a server that has tools and nothing else is not said to have more", odd=("tools-only",))
def _(s):
    user = s.user()
    result = user.greeting.result if s.client == "legacy" else user.ask("server/discover").result
    absent = user.ask("prompts/list")
    return first(expect(set(result["capabilities"]) <= {"tools"}, f"tools only, got {result['capabilities']}"),
                 expect(absent.code == -32601, f"-32601 for prompts, got {absent}"), goes_on(user))


@case("a server that asks for the roots at the start of its session", server="legacy", odd=("roots-at-start",))
def _(s):
    person = Person(roots={"roots": [{"uri": "file:///home/ann"}]})
    user = s.user(person)
    if s.client == "legacy":
        user.watch()
    outcome = user.tool("roots_at_start")
    return first(expect(outcome.text and json.loads(outcome.text) == person.answers["roots"], f"the roots, got {outcome}"), goes_on(user))


@case("a call that asks nothing does not come between a question and its call, while their session opens",
      client="modern", server="legacy", over="stdio", odd=("slow-start",))
def _(s):
    user, params = s.user(Person(form=NAMED)), {"name": "ask", "arguments": {"kind": "form"}}
    earlier = user.start("tools/call", params).outcome()  # by now it is known who asks, and one question waits for its person
    s.server.gate(closed=True)
    asking, keys = user.start("tools/call", params), [s.mark() for _ in range(3)]
    opening = s.server.wait(lambda report: report.get("starts"), s.patience)
    holding = [user.start_tool("hold", {"key": key}) for key in keys]
    unanswered = {**params, "requestState": earlier.result["requestState"], "inputResponses": {}}
    earlier = user.start("tools/call", unanswered).outcome()  # once this is answered, the others are there too
    s.server.gate(closed=False)
    asked = asking.outcome()
    for key in keys:
        s.server.wait(lambda report, key=key: report.get("holds") == key, s.patience)
        s.server.tell("release", key=key)
    if (asked.result or {}).get("resultType") != "input_required":
        return f"expected the second question{'' if opening else ', which had a session already'}, got {asked}"
    answers = [user.start("tools/call", user.answered(params, each)).outcome() for each in (asked, earlier)]
    return first(expect([json.loads(each.text or "null") for each in answers] == [NAMED, NAMED], f"both answers, got {answers}"),
                 expect([each.outcome().text for each in holding] == [f"held {key}" for key in keys], "the others' answers"))


@case("a server that says what belongs to nobody, answers to unknown ids among it")
def _(s):
    user = s.user()
    outcome = user.tool("babble", token="mine")
    heard = outcome.heard("notifications/progress")
    return first(expect(outcome.text == "said" and not heard, f"the answer and no progress of others, got {outcome} after {outcome.said}"),
                 goes_on(user))


@case("a server that forgot its sessions: the client learns of it or does not notice, and goes on", server="legacy", over="http",
      odd=("forgetful",))
def _(s):
    user = s.user()
    user.tool("echo", {"text": "before"})
    s.server.tell("forget")
    s.server.desk.settle(s.server.name)
    outcome = user.tool("echo", {"text": "after"})
    if s.client == "modern":
        return expect(outcome.text == "after", f"the answer, got {outcome}")
    user.session = None
    return first(expect(outcome.text == "after" or outcome.status == 404, f"the answer or 404, got {outcome}"), goes_on(s.user()))


@case("a server that refuses to initialize costs an error, and is asked again by the next client", server="legacy", over="http",
      odd=("moody",))
def _(s):
    s.server.tell("mood", bad=True)
    s.server.desk.settle(s.server.name)
    user = s.stranger(Person(roots={"roots": []}))
    refused = user.open().greeting if s.client == "legacy" else user.open().ask("tools/list")
    s.server.tell("mood", bad=False)
    s.server.desk.settle(s.server.name)
    return first(expect(refused.error, f"an error, got {refused}"), goes_on(s.user()))


@case("a modern server that does not say resultType", server="modern", odd=("no-result-type",))
def _(s):
    outcome = s.user().tool("echo", {"text": "x"})
    kind = (outcome.result or {}).get("resultType")
    return first(expect(kind == ("complete" if s.client == "modern" else None), f"what the client's era needs, got {outcome}"), works(s))
