# SPDX-License-Identifier: Apache-2.0
"""How a client and a server come to know each other: initialize, server/discover, ping, sessions."""
from kit import Chapter, goes_on
from toolbox import expect, first
from users import MODERN, PREFIX, Person

chapter = Chapter("handshake")
case = chapter.case
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
ABLE = Person(form={"action": "decline"}, url={"action": "decline"}, sampling={}, roots={"roots": []})


@case("initialize is answered in the revision the client asks for", client="legacy")
def _(s):
    got = {revision: (s.user(revision=revision).greeting.result or {}).get("protocolVersion") for revision in REVISIONS}
    return expect(all(asked == answered for asked, answered in got.items()), f"each revision itself, got {got}")


@case("initialize in a revision that nobody knows is answered in one that exists", client="legacy")
def _(s):
    greeting = s.user(revision="1999-01-01").greeting
    return expect(greeting.result and greeting.result["protocolVersion"] in REVISIONS, f"a revision, got {greeting}")


@case("initialize tells what the server can do, its instructions and a name", client="legacy")
def _(s):
    result = s.user().greeting.result
    able = result["capabilities"]
    return first(expect({"tools", "prompts", "resources", "completions", "logging"} <= set(able), f"all capabilities, got {able}"),
                 expect("tasks" not in able and "extensions" not in able, f"none that the server has not, got {able}"),
                 expect(f"Instructions of {s.server.name}." in result.get("instructions", ""), f"the instructions, got {result}"),
                 expect(result["serverInfo"].get("name") and result["serverInfo"].get("version"),
                        f"a name and a version, got {result}"),
                 expect(not {"resultType", "ttlMs", "cacheScope", "supportedVersions"} & set(result),
                        f"no modern members, got {result}"))


@case("server/discover tells what the server can do, its instructions and how long that is true", client="modern")
def _(s):
    outcome = s.user().ask("server/discover")
    result = outcome.result or {}
    able = result.get("capabilities", {})
    return first(expect(MODERN in result.get("supportedVersions", []), f"{MODERN} among the versions, got {outcome}"),
                 expect({"tools", "prompts", "resources", "completions"} <= set(able), f"all capabilities, got {able}"),
                 expect("tasks" not in able, f"no capability of another era, got {able}"),
                 expect(f"Instructions of {s.server.name}." in result.get("instructions", ""), f"the instructions, got {result}"),
                 expect(result.get("resultType") == "complete" and isinstance(result.get("ttlMs"), int) and result["ttlMs"] >= 0
                        and result.get("cacheScope") in ("public", "private"), f"resultType, ttlMs and cacheScope, got {result}"),
                 expect("serverInfo" not in result and result.get("_meta", {}).get(PREFIX + "serverInfo", {}).get("name"),
                        f"the server's name in _meta, got {result}"))


@case("a modern revision that nobody knows is refused with those that are known", client="modern")
def _(s):
    outcome = s.user(revision="2999-01-01").ask("tools/list")
    data = (outcome.error or {}).get("data") or {}
    return first(expect(outcome.status == 400 and outcome.code == -32022, f"HTTP 400 and -32022, got {outcome}"),
                 expect(MODERN in data.get("supported", []) and data.get("requested") == "2999-01-01",
                        f"both versions, got {outcome}"))


@case("a modern request without its _meta is refused as -32602 with HTTP 400", client="modern")
def _(s):
    stream = s.user().send({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}},
                           {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"})
    answer = stream.wait(lambda message: "error" in message, s.patience)
    return expect(stream.status == 400 and answer and answer["error"]["code"] == -32602 and answer["id"] == 1,
                  f"HTTP 400 and -32602, got {stream}")


@case("a modern request gets no session", client="modern")
def _(s):
    outcome = s.user().ask("server/discover")
    return expect(outcome.result and "mcp-session-id" not in outcome.headers, f"no Mcp-Session-Id, got {outcome.headers}")


@case("a client's ping is answered", client="legacy")
def _(s):
    outcome = s.user().ask("ping")
    return expect(outcome.result == {}, f"an empty result, got {outcome}")


@case("ping is unknown to the modern era", client="modern")
def _(s):
    outcome = s.user().ask("ping")
    return expect(outcome.status == 404 and outcome.code == -32601, f"HTTP 404 and -32601, got {outcome}")


@case("the server's ping is answered", server="legacy")
def _(s):
    user = s.user()
    news = user.watch()
    user.tool("echo", {"text": "a session is there now"})
    s.server.tell("ping")
    pinged = s.server.wait(lambda report: str((report.get("got") or {}).get("id", "")).startswith(s.server.name + "-")
                           and (report["got"]).get("result") == {}, s.patience)
    return expect(pinged, f"an empty result at the server; the client heard {news.stream.messages}")


def told(s, user):
    """The capabilities that the server knows of during a call."""
    mark = s.mark()
    user.tool("echo", {"text": mark})
    call = s.server.called(mark)[0]
    if s.server.era == "modern":
        return call["got"]["params"]["_meta"][PREFIX + "clientCapabilities"]
    greetings = s.server.received("initialize")
    own = [report for report in greetings if s.over == "stdio" and report["session"] == call["session"]]
    return (own or greetings)[-1]["got"]["params"]["capabilities"]


@case("the server is told what the client can be asked")
def _(s):
    able = told(s, s.user(ABLE))
    return expect({"form", "url"} <= set(able.get("elicitation", {})) and "sampling" in able and "roots" in able,
                  f"all of it, got {able}")


@case("the server of a client that can be asked nothing is told of nothing")
def _(s):
    able = told(s, s.user())
    return expect(not {"elicitation", "sampling", "roots"} & set(able), f"no elicitation, sampling and roots, got {able}")


@case("the client's name reaches the server", client="legacy")
def _(s):
    mark = s.mark()
    s.user().tool("echo", {"text": mark})
    call = s.server.called(mark)[0]["got"]
    named = call["params"]["_meta"].get(PREFIX + "clientInfo", {}) if s.server.era == "modern" else \
        s.server.received("initialize")[-1]["got"]["params"]["clientInfo"]
    return expect(named.get("name") == "kit", f"kit, got {named}")


@case("a request without a session is refused as 400, one in a session that never was as 404", client="legacy")
def _(s):
    nobody, liar = s.stranger(), s.stranger()
    liar.session, liar.version = "00000000-0000-4000-8000-000000000000", "2025-11-25"
    got = [nobody.ask("tools/list").status, liar.ask("tools/list").status]
    liar.session = None
    return expect(got == [400, 404], f"[400, 404], got {got}")


@case("a session that was ended is 404, and ended at the server too", client="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    user.tool("echo", {"text": mark})
    session = s.server.called(mark)[0]["session"]
    ended = user.end()
    after = user.tool("echo", {"text": "nobody hears"})
    user.session = None
    gone = not (s.server.era == "legacy" and s.over == "http") or s.server.wait(lambda report: report.get("deleted") == session, s.patience)
    return first(expect(ended.status in (200, 204), f"DELETE to be 200 or 204, got {ended}"),
                 expect(after.status == 404, f"404, got {after}"),
                 expect(gone, "DELETE of its session at the server"))


@case("the header of a revision that the session was not opened in, or that nobody knows, is refused as 400", client="legacy")
def _(s):
    user = s.user()
    user.version = "1999-01-01"
    outcome = user.ask("tools/list")
    user.version = "2025-11-25"
    return expect(outcome.status == 400, f"HTTP 400, got {outcome}")


@case("a client of before 2025-06-18 need not say its revision in a header", client="legacy")
def _(s):
    user = s.user(revision="2025-03-26")
    user.version = None
    return goes_on(user)


@case("what belongs to sessions means nothing in a modern request", client="modern")
def _(s):
    outcome = s.user().tool("echo", {"text": "x"}, headers={"Mcp-Session-Id": "made-up", "Last-Event-ID": "made-up"})
    return expect(outcome.text == "x" and "mcp-session-id" not in outcome.headers, f"the answer, got {outcome}")


@case("two sessions of one client have two sessions at the server", client="legacy", server="legacy")
def _(s):
    one, other = s.user(), s.user()
    one.tool("remember", {"word": "mine"})
    got = [other.tool("recall").text, one.tool("recall").text]
    return expect(got == ["nothing", "mine"], f"nothing in the second, got {got}")


@case("a session that is ended ends its calls, at the server too", client="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("hold", {"key": mark})
    if not s.server.wait(lambda report: report.get("holds") == mark, s.patience):
        return "expected a call at the server"
    session = s.server.called(mark)[0]["session"]
    user.end()
    user.session = None
    gone = s.server.wait(lambda report: report.get("given_up") == mark or session in (report.get("deleted"), report.get("ended")), s.patience)
    return first(expect(pending.stream.wait_end(s.patience), "the stream to end"), expect(gone, "the server to be told, in one way or another"))


@case("thirty sessions at once are all served", client="legacy")
def _(s):
    users = [s.user() for _ in range(30)]
    pending = [user.start_tool("echo", {"text": str(i)}) for i, user in enumerate(users)]
    got = [each.outcome().text for each in pending]
    return expect(got == [str(i) for i in range(30)], f"each its own, got {got}")
