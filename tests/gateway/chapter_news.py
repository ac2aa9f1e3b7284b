# SPDX-License-Identifier: Apache-2.0
"""What a server tells outside of calls: changes of lists, and of resources that a client subscribed to."""
import time

from kit import Chapter
from toolbox import expect, first
from users import PREFIX

chapter = Chapter("news")
case = chapter.case
UPDATED = "notifications/resources/updated"


def changed(what):
    return f"notifications/{what}/list_changed"


def provoke(s, news, method, orders, holds=lambda params: True):
    """Gives the orders to the server until the client hears of it: its subscription may be under way at first."""
    end = time.monotonic() + s.patience
    while True:
        for order, what in orders:
            s.server.tell(order, **what)
        heard = news.heard(method, holds, 0.4)
        if heard or time.monotonic() > end:
            return heard


@case("changes of each list are told to a client that listens")
def _(s):
    news, missing = s.user().watch(), []
    for what in ("tools", "prompts", "resources"):
        if not provoke(s, news, changed(what), [("list_changed", {"what": what})]):
            missing.append(what)
    return expect(not missing, f"all three, but {missing} did not come; heard was {news.stream.messages}")


@case("a tool that is new is in the list once the change was told")
def _(s):
    user = s.user()
    user.everything("tools/list", "tools")
    news, name = user.watch(), s.mark()
    heard = provoke(s, news, changed("tools"), [("add_tool", {"name": name})])
    names = [each["name"] for each in user.everything("tools/list", "tools")]
    return first(expect(heard, "the change to be told"), expect(name in names, f"{name} in the list, got {names}"))


@case("news carry the mark of their subscription for a modern client, and none for a legacy one")
def _(s):
    news = s.user().watch()
    heard = provoke(s, news, changed("tools"), [("list_changed", {"what": "tools"})])
    marks = {key: value for key, value in ((heard or {}).get("params") or {}).get("_meta", {}).items() if key.startswith(PREFIX)}
    return first(expect(heard, "the change"),
                 expect(marks == ({PREFIX + "subscriptionId": news.id} if s.client == "modern" else {}), f"the mark, got {heard}"))


@case("the acknowledgement comes first, and says what is honoured", client="modern")
def _(s):
    news = s.user().watch(uris=["kit://text"])
    messages = news.stream.messages
    said = (messages[0].get("params") or {}) if messages else {}
    wanted = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True, "resourceSubscriptions": ["kit://text"]}
    return first(expect(messages and messages[0]["method"] == "notifications/subscriptions/acknowledged",
                        f"the acknowledgement, got {news.stream}"),
                 expect(said.get("notifications") == wanted, f"{wanted}, got {said}"),
                 expect(said.get("_meta", {}).get(PREFIX + "subscriptionId") == news.id, f"its mark, got {said}"))


@case("a client hears only what it listens for", client="modern")
def _(s):
    news = s.user().watch(prompts=False, resources=False)
    heard = provoke(s, news, changed("tools"), [("list_changed", {"what": "prompts"}), ("updated", {"uri": "kit://text"}),
                                                ("list_changed", {"what": "tools"})])
    return first(expect(heard, "tools"),
                 expect(not news.all(changed("prompts")) and not news.all(UPDATED), f"nothing else, got {news.stream.messages}"))


@case("updates are told of the resources that a client subscribed to, and of no others")
def _(s):
    uri = f"kit://{s.server.name}/item/1"
    news = s.user().watch(uris=["kit://text", uri])
    heard = provoke(s, news, UPDATED, [("updated", {"uri": "kit://bytes"}), ("updated", {"uri": "kit://text"}), ("updated", {"uri": uri})],
                    lambda params: params.get("uri") == uri)
    uris = {each["uri"] for each in news.all(UPDATED)}
    return first(expect(heard, "the update"), expect(uris == {"kit://text", uri}, f"both and no other, got {uris}"))


@case("a subscription can be ended", client="legacy")
def _(s):
    user = s.user()
    news = user.watch(uris=["kit://text", "kit://bytes"])
    provoke(s, news, UPDATED, [("updated", {"uri": "kit://text"}), ("updated", {"uri": "kit://bytes"})],
            lambda params: params.get("uri") == "kit://bytes")
    ended = user.ask("resources/unsubscribe", {"uri": "kit://text"})
    fresh = f"kit://{s.server.name}/own"
    user.ask("resources/subscribe", {"uri": fresh})
    provoke(s, news, UPDATED, [("updated", {"uri": fresh})], lambda params: params.get("uri") == fresh)
    before = len([each for each in news.all(UPDATED) if each["uri"] == "kit://text"])
    count = len([each for each in news.all(UPDATED) if each["uri"] == fresh])
    s.server.tell("updated", uri="kit://text")
    s.server.tell("updated", uri=fresh)
    end = time.monotonic() + s.patience
    while len([each for each in news.all(UPDATED) if each["uri"] == fresh]) == count and time.monotonic() < end:
        news.stream.wait(lambda message: False, 0.05)
    after = len([each for each in news.all(UPDATED) if each["uri"] == "kit://text"])
    return first(expect(ended.result == {}, f"an empty result, got {ended}"),
                 expect(after == before, f"no more of it, got {news.stream.messages}"))


@case("a client that stops listening costs the server nothing any more", client="modern", server="modern")
def _(s):
    uri = f"kit://{s.server.name}/item/{s.mark()}"
    news = s.user().watch(uris=[uri])
    opened = s.server.listening(lambda wanted: uri in wanted.get("resourceSubscriptions", []), s.patience)
    news.stream.close()
    closed = s.server.wait(lambda report: uri in (report.get("listens_no_more") or {}).get("resourceSubscriptions", []), s.patience)
    return first(expect(opened, "a subscription at the server"), expect(closed, "its end"))


@case("two clients both hear of a change")
def _(s):
    one, other = s.user().watch(), s.user().watch()
    heard = [provoke(s, news, changed("prompts"), [("list_changed", {"what": "prompts"})]) for news in (one, other)]
    return expect(all(heard), f"both, got {heard}")


@case("a stream of news that the server ends is opened again, and the client does not notice", client="legacy", over="http")
def _(s):
    news = s.user().watch()
    before = provoke(s, news, changed("tools"), [("list_changed", {"what": "tools"})])
    s.server.tell("end_streams")
    s.server.desk.settle(s.server.name)
    s.server.tell("list_changed", what="prompts")  # may fall between the two
    end = time.monotonic() + 3 * s.patience
    while not news.heard(changed("resources"), seconds=0.3) and time.monotonic() < end:
        s.server.tell("list_changed", what="resources")
    return first(expect(before, "news before"), expect(news.all(changed("resources")), f"news after, got {news.stream.messages}"))


@case("calls work while a client listens, and their progress is not among the news")
def _(s):
    user, mark = s.user(), s.mark()
    news = user.watch()
    pending = user.start_tool("steps", {"count": 2, "hold": mark}, token="t")
    heard = pending.stream.wait(lambda message: message.get("params", {}).get("progress") == 2, s.patience)
    s.server.tell("release", key=mark)
    return first(expect(heard and pending.outcome().text == "2 steps", f"the call with its progress, got {pending.stream}"),
                 expect(not news.all("notifications/progress"), "no progress among the news"))


@case("a log line outside of calls reaches a client that listens", client="legacy", server="legacy")
def _(s):
    news = s.user().watch()
    line = {"method": "notifications/message", "params": {"level": "error", "data": "outside"}}
    heard = provoke(s, news, "notifications/message", [("say", line)])
    return expect(heard and heard["params"]["data"] == "outside", f"the line, got {news.stream.messages}")


@case("roots that changed are told to a server of the same era, and absorbed for the other", client="legacy")
def _(s):
    user, before = s.user(), len(s.server.received("notifications/roots/list_changed"))
    status = user.tell("notifications/roots/list_changed").status
    user.tool("echo", {"text": "after it"})
    told = len(s.server.received("notifications/roots/list_changed")) - before
    return first(expect(status == 202, f"202, got {status}"),
                 expect(told == (1 if s.server.era == "legacy" else 0), f"told {told} times"))
