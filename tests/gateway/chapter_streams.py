# SPDX-License-Identifier: Apache-2.0
"""Streams that break: what goes on, what ends, and what can be fetched later."""
import json

from chapter_news import changed, provoke
from chapter_running import PROGRESS, given_up, held
from kit import Chapter, goes_on
from toolbox import expect, first
from users import News, Person

chapter = Chapter("streams")
case = chapter.case


@case("a dropped stream does not cancel a legacy call", client="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("steps", {"count": 1, "hold": mark}, token="t")
    held(s, mark)
    pending.drop()
    user.tool("echo", {"text": "meanwhile"})
    cancelled = any(report.get("given_up") == mark for report in s.server.reports)
    s.server.tell("release", key=mark)
    return first(expect(not cancelled, "the call to go on"), goes_on(user))


@case("the answer to a call whose stream was dropped can be fetched with the last event id", client="legacy", offer="resumption")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("steps", {"count": 2, "hold": mark}, token="t")
    pending.stream.wait(lambda message: message.get("params", {}).get("progress") == 2, s.patience)
    held(s, mark)
    pending.drop()
    user.tool("echo", {"text": "meanwhile"})
    s.server.tell("release", key=mark)
    last = pending.stream.last_event_id
    if last is None:
        return f"expected event ids, got {pending.stream.events}"
    resumed = user.standalone(after=last)
    answer = resumed.wait(lambda message: message.get("id") == pending.id and "result" in message, s.patience)
    return first(expect(answer, f"the answer, got {resumed}"),
                 expect(not any(message.get("method") == PROGRESS for message in resumed.messages), f"nothing twice, got {resumed.messages}"))


@case("what was said before the stream broke, and was not read, can be fetched too", client="legacy", offer="resumption")
def _(s):
    user = s.user()
    pending = user.start_tool("steps", {"count": 5}, token="t")
    pending.outcome()
    ids = [number for number, message in pending.stream.events if message and message.get("params", {}).get("progress") == 2]
    if not ids or ids[0] is None:
        return f"expected event ids, got {pending.stream.events}"
    resumed = user.standalone(after=ids[0])
    answer = resumed.wait(lambda message: "result" in message, s.patience)
    steps = [message["params"]["progress"] for message in resumed.messages if message.get("method") == PROGRESS]
    return expect(steps == [3, 4, 5] and answer, f"3, 4, 5 and the answer, got {resumed}")


@case("a dropped stream cancels a modern call", client="modern")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("hold", {"key": mark})
    held(s, mark)
    pending.drop()
    return first(expect(given_up(s, mark), "the server to be told"), goes_on(user))


@case("a modern stream that has begun cancels too when it is dropped", client="modern")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("steps", {"count": 1, "hold": mark}, token="t")
    pending.heard(PROGRESS)
    held(s, mark)
    pending.drop()
    return expect(given_up(s, mark), "the server to be told")


@case("a modern stream has no event ids", client="modern")
def _(s):
    stream = s.user().tool("steps", {"count": 2}, token="t").stream
    return expect(stream.events and all(number is None for number, _ in stream.events), f"no ids, got {stream.events}")


@case("event ids are not used twice in a session", client="legacy", offer="resumption")
def _(s):
    user = s.user()
    news = user.watch()
    provoke(s, news, changed("tools"), [("list_changed", {"what": "tools"})])
    streams = [user.tool("steps", {"count": 3}, token="t").stream for _ in range(3)] + [news.stream]
    ids = [number for stream in streams for number, _ in stream.events if number is not None]
    return expect(ids and len(ids) == len(set(ids)), f"ids that differ, got {ids}")


@case("an event id brings back its own stream and no other", client="legacy", offer="resumption")
def _(s):
    user = s.user()
    one, other = (user.tool("steps", {"count": count}, token=f"t{count}").stream for count in (2, 3))
    resumed = user.standalone(after=one.events[0][0] or "none")
    resumed.wait(lambda message: "result" in message, s.patience)
    tokens = {message["params"]["progressToken"] for message in resumed.messages if message.get("method") == PROGRESS}
    results = [message["id"] for message in resumed.messages if "result" in message]
    return expect(tokens <= {"t2"} and len(results) == 1,
                  f"the first call's messages, got {resumed.messages} beside {other.messages}")


@case("an event id that was never given brings nothing of anybody's", client="legacy")
def _(s):
    user = s.user()
    user.tool("steps", {"count": 2}, token="t")
    wrong = []
    for forged in ("never given", "0", "999999999999999999999", "x" * 2000):
        stream = user.knock(forged)
        status = stream.status
        messages = [message for message in stream.messages if "error" not in message]
        stream.close()
        if messages or status is None or status >= 500:
            wrong.append((forged, status, messages))
    return first(expect(not wrong, f"nothing, got {wrong}"), goes_on(user))


@case("an event id of one session is of no use to another", client="legacy", offer="resumption")
def _(s):
    one, other = s.user(), s.user()
    stream = one.tool("steps", {"count": 3}, token="t").stream
    ids = [number for number, _ in stream.events if number]
    if not ids:
        return f"expected event ids, got {stream.events}"
    foreign = other.knock(ids[0])
    answer = foreign.wait(lambda message: "error" not in message, 0.3)
    foreign.close()
    return expect(answer is None, f"nothing, got {answer}")


@case("news that came while nobody listened are fetched with the last event id", client="legacy", offer="resumption")
def _(s):
    user = s.user()
    news = user.watch()
    provoke(s, news, changed("prompts"), [("list_changed", {"what": "prompts"})])
    last = news.stream.last_event_id
    news.stream.close()
    if last is None:
        return f"expected event ids, got {news.stream.events}"
    s.server.tell("list_changed", what="resources")
    again = News(user, user.standalone(after=last))
    return expect(again.heard(changed("resources")), f"the change, got {again.stream}")


@case("what belongs to a call comes on its stream, and not on the standalone one", client="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    news = user.watch()
    pending = user.start_tool("steps", {"count": 3, "hold": mark}, token="t", log="debug")
    heard = pending.stream.wait(lambda message: message.get("params", {}).get("progress") == 3, s.patience)
    s.server.tell("release", key=mark)
    pending.outcome()
    provoke(s, news, changed("tools"), [("list_changed", {"what": "tools"})])
    methods = {message.get("method") for message in news.stream.messages}
    return first(expect(heard, f"three steps, got {pending.stream}"), expect(PROGRESS not in methods, f"news only, got {methods}"))


@case("a standalone stream needs a session", client="legacy")
def _(s):
    nobody = s.stranger()
    stream = nobody.knock()
    stream.wait_end(s.patience)
    return expect(stream.status in (400, 404, 405), f"400, 404 or 405, got {stream}")


@case("a client that vanishes takes nobody with it")
def _(s):
    stays = s.user()
    for _ in range(5):
        mark, user = s.mark(), s.user()
        pending = user.start_tool("hold", {"key": mark})
        held(s, mark)
        pending.drop()
        s.server.tell("release", key=mark)
    return expect(stays.tool("echo", {"text": "on"}).text == "on", "the others to go on")


@case("a server's stream that breaks after an event id is resumed, and the client does not notice", server="legacy", over="http")
def _(s):
    outcome = s.user().tool("drop_stream")
    return expect(outcome.text == "resumed", f"the answer, got {outcome}")


@case("a call may wait long while others are answered")
def _(s):
    user, mark = s.user(), s.mark()
    pending = user.start_tool("hold", {"key": mark})
    held(s, mark)
    quick = [user.tool("echo", {"text": str(i)}).text for i in range(5)]
    s.server.tell("release", key=mark)
    return expect(quick == list("01234") and pending.outcome().text == f"held {mark}", f"all, got {quick} and {pending.stream}")


@case("a question whose stream was dropped is fetched with the last event id, and answered", client="legacy", offer="resumption")
def _(s):
    answer = {"action": "accept", "content": {"name": "Ann"}}
    slow = Person(form=lambda params: None)  # shown, and the connection is lost before the answer
    user = s.user(slow)
    pending = user.start_tool("ask", {"kind": "form"}, token="t")
    question = pending.stream.wait(lambda message: message.get("method") == "elicitation/create", s.patience)
    ids = [number for number, message in pending.stream.events if number is not None and message != question]
    pending.drop()
    if not question:
        return f"expected a question, got {pending.stream}"
    user.send({"jsonrpc": "2.0", "id": question["id"], "result": answer}).wait_end(s.patience)
    last = pending.stream.last_event_id or (ids or [None])[-1]
    if last is None:
        return f"expected event ids, got {pending.stream.events}"
    resumed = user.knock(last)
    done = resumed.wait(lambda message: message.get("id") == pending.id and "result" in message, s.patience)
    return expect(done and "Ann" in json.dumps(done), f"the answer to the call, got {resumed}")
