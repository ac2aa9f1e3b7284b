# SPDX-License-Identifier: Apache-2.0
"""While a call runs: progress, log lines, cancellation, and a server that dies."""
from kit import Chapter, goes_on
from toolbox import expect, first

chapter = Chapter("running")
case = chapter.case
PROGRESS, LOG = "notifications/progress", "notifications/message"


def held(s, mark):
    """Waits until the server holds a call."""
    if not s.server.wait(lambda report: report.get("holds") == mark, s.patience):
        raise ValueError(f"the call that is held at {mark} never came to the server")


def given_up(s, mark):
    return s.server.wait(lambda report: report.get("given_up") == mark, s.patience)


@case("all progress arrives before the answer, in order, under the client's own token")
def _(s):
    user, wrong = s.user(), []
    for token in ("word", 0, 7, "0", "é \u2028"):
        outcome = user.tool("steps", {"count": 3}, token=token)
        heard = [(repr(each["progressToken"]), each["progress"], each.get("total")) for each in outcome.heard(PROGRESS)]
        if heard != [(repr(token), step, 3) for step in (1, 2, 3)] or outcome.text != "3 steps":
            wrong.append((token, heard, outcome))
    return expect(not wrong, f"1, 2, 3 of 3 under each token, got {wrong}")


@case("progress arrives when it is said, and not with the answer")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("steps", {"count": 2, "hold": mark}, token="early")
    early = pending.stream.wait(lambda message: message.get("params", {}).get("progress") == 2, s.patience)
    s.server.tell("release", key=mark)
    return first(expect(early, "two steps while the call is held"), expect(pending.outcome().text == "2 steps", "the answer"))


@case("the words of progress arrive")
def _(s):
    heard = s.user().tool("steps", {"count": 1}, token="words").heard(PROGRESS)
    return expect(heard and heard[0].get("message") == "step 1", f"step 1, got {heard}")


@case("a client that gave no token hears no progress")
def _(s):
    outcome = s.user().tool("steps", {"count": 2})
    return expect(outcome.text == "2 steps" and not outcome.heard(PROGRESS), f"the answer only, got {outcome.said}")


@case("two clients with the same token hear their own progress")
def _(s):
    users, mark = [s.user(), s.user()], s.mark()
    pending = [user.start_tool("steps", {"count": 2 + i, "hold": mark}, token="same") for i, user in enumerate(users)]
    for i, each in enumerate(pending):
        each.stream.wait(lambda message, i=i: message.get("params", {}).get("progress") == 2 + i, s.patience)
    s.server.tell("release", key=mark)
    got = [[note["progress"] for note in each.outcome().heard(PROGRESS)] for each in pending]
    return expect(got == [[1, 2], [1, 2, 3]], f"two and three steps, got {got}")


@case("log lines arrive from the level that the client chose")
def _(s):
    wanted = {"debug": ["debug", "info", "error"], "info": ["info", "error"], "error": ["error"], "emergency": []}
    got = {level: [each["level"] for each in s.user().tool("logs", log=level).heard(LOG)] for level in wanted}
    return expect(got == wanted, f"{wanted}, got {got}")


@case("a client that wants a lot of log and one that wants little get each their own")
def _(s):
    loud, quiet = s.user(), s.user()
    calls = [user.tool("logs", log=level) for user, level in ((loud, "debug"), (quiet, "error"), (loud, "debug"))]
    got = [[each["level"] for each in outcome.heard(LOG)] for outcome in calls]
    return expect(got == [["debug", "info", "error"], ["error"], ["debug", "info", "error"]], f"all, one, all, got {got}")


@case("a modern request that names no level gets no log lines", client="modern")
def _(s):
    user = s.user()
    user.tool("logs", log="debug")
    outcome = user.tool("logs")
    return expect(outcome.text == "logged" and not outcome.heard(LOG), f"the answer only, got {outcome.said}")


@case("the log lines of one call do not come with another", over="http")
def _(s):
    waiting, loud, mark = s.user(), s.user(), s.mark()
    pending = waiting.start_tool("hold", {"key": mark}, log="debug")
    held(s, mark)
    lines = loud.tool("logs", log="debug").heard(LOG)
    s.server.tell("release", key=mark)
    outcome = pending.outcome()
    return first(expect(len(lines) == 3, f"three lines with their call, got {lines}"),
                 expect(not outcome.heard(LOG), f"none with the other, got {outcome.said}"))


@case("a level that does not exist is refused as -32602")
def _(s):
    user = s.user()
    outcome = user.tool("logs", log="loud") if s.client == "modern" else user.ask("logging/setLevel", {"level": "loud"})
    return expect(outcome.code == -32602, f"-32602, got {outcome}")


@case("a call that is cancelled is cancelled at the server, and the client goes on")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("hold", {"key": mark})
    held(s, mark)
    user.cancel(pending)
    return first(expect(given_up(s, mark), "the server to be told"),
                 expect(not pending.stream.wait(lambda message: "result" in message, 0.01), "no result"),
                 goes_on(user))


@case("a cancellation names the server's own id: the call of another client with the same id goes on", client="legacy")
def _(s):
    (one, other), (mark, theirs) = (s.user(), s.user()), (s.mark(), s.mark())
    mine = one.start_tool("hold", {"key": mark}, number="same")
    kept = other.start_tool("hold", {"key": theirs}, number="same")
    held(s, mark), held(s, theirs)
    one.cancel(mine)
    told = given_up(s, mark)
    s.server.tell("release", key=theirs)
    return first(expect(told, "the server to be told"),
                 expect(kept.outcome().text == f"held {theirs}", f"the other call's answer, got {kept.stream}"))


@case("the cancellation of a request that is not there is ignored", client="legacy")
def _(s):
    user = s.user()
    statuses = [user.tell("notifications/cancelled", params).status for params in ({"requestId": 4711}, {"requestId": "none"})]
    return first(expect(statuses == [202, 202], f"202 twice, got {statuses}"), goes_on(user))


@case("a server that dies during a call costs that call an error, and no more")
def _(s):
    user = s.user()
    outcome = user.tool("die", seconds=4 * s.patience)
    again = s.user()
    after = again.tool("echo", {"text": "on"}, seconds=4 * s.patience)
    return first(expect(outcome.failed, f"an error, got {outcome}"),
                 expect(after.text == "on", f"the next call's answer, got {after}"))
