# SPDX-License-Identifier: Apache-2.0
"""Two principals, alice and bob, each with an API key: neither sees anything of the other."""
import json
import random
import threading

from chapter_asks import answered
from chapter_news import UPDATED
from chapter_running import PROGRESS, given_up, held
from kit import Chapter
from toolbox import expect, first
from users import Person

chapter = Chapter("principals", world="principals")
case = chapter.case


def person(name):
    return Person(form={"action": "accept", "content": {"name": name}}, roots={"roots": [{"uri": f"file:///home/{name}"}]},
                  sampling={"role": "assistant", "model": name, "content": {"type": "text", "text": name}})


@case("nobody without a key is let in, and the refusal says how to come in")
def _(s):
    nobody, liar = s.stranger(), s.stranger()
    liar.base = {"Authorization": "Bearer wrong-key-0123456789"}
    if s.client == "modern":
        nobody.open(), liar.open()
    got = [user.ask("tools/list") if s.client == "modern" else user.open().greeting for user in (nobody, liar)]
    return expect([each.status for each in got] == [401, 401] and all(each.headers.get("www-authenticate") for each in got),
                  f"401 twice, got {got}")


@case("a key that was good for one request is asked for again at the next", client="legacy")
def _(s):
    user = s.user(key="alice")
    user.base = {}
    got = [user.ask("tools/list").status, user.knock().status]
    ended = user.stream("DELETE", headers=user.fields())
    ended.wait_end(s.patience)
    return expect([*got, ended.status] == [401, 401, 401], f"401 each, got {got} and {ended}")


@case("the session of one is not there for the other", client="legacy")
def _(s):
    alice, thief = s.user(key="alice"), s.stranger(key="bob")
    thief.session, thief.version = alice.session, alice.version
    mark = s.mark()
    statuses = [thief.tool("echo", {"text": mark}).status, thief.knock().status,
                thief.tell("notifications/initialized").status, thief.end().status]
    thief.session = None
    own = alice.tool("echo", {"text": "mine"})
    return first(expect(statuses == [404] * 4, f"404 each, got {statuses}"),
                 expect(not s.server.called(mark), "no call at the server"),
                 expect(own.text == "mine", f"the owner's session to live, got {own}"))


@case("what one's server remembers it has not heard from the other", server="legacy")
def _(s):
    alice, bob = s.user(key="alice"), s.user(key="bob")
    alice.tool("remember", {"word": "alice's secret"})
    got = [bob.tool("recall").text, alice.tool("recall").text]
    return expect(got == ["nothing", "alice's secret"], f"nothing for bob, got {got}")


@case("each is asked about their own roots, forms and models")
def _(s):
    people = {name: person(name) for name in ("alice", "bob")}
    users = {name: s.user(people[name], key=name) for name in people}
    wrong = {}
    for kind in ("roots", "form", "sampling"):
        for name, user in users.items():
            said = json.dumps(answered(user.tool("ask", {"kind": kind})), default=repr)
            if name not in said:
                wrong[name, kind] = said
    return first(expect(not wrong, f"each their own, got {wrong}"),
                 expect(all(len(each.asked) == 3 for each in people.values()),
                        f"three questions each, got {[each.asked for each in people.values()]}"))


@case("equal ids and tokens at the same time: each gets their own answer and progress")
def _(s):
    marks = {"alice": s.mark(), "bob": s.mark()}
    pending = {name: s.user(key=name).start_tool("steps", {"count": 2 if name == "alice" else 4, "hold": mark}, number="same", token="same")
               for name, mark in marks.items()}
    for mark in marks.values():
        held(s, mark)
    for mark in reversed(marks.values()):
        s.server.tell("release", key=mark)
    got = {name: [note["progress"] for note in each.outcome().heard(PROGRESS)] + [each.outcome().text] for name, each in pending.items()}
    return expect(got == {"alice": [1, 2, "2 steps"], "bob": [1, 2, 3, 4, "4 steps"]}, f"each their own, got {got}")


@case("nobody cancels the call of the other", client="legacy")
def _(s):
    alice, bob, mark = s.user(key="alice"), s.user(key="bob"), s.mark()
    pending = alice.start_tool("hold", {"key": mark}, number="same")
    held(s, mark)
    bob.tell("notifications/cancelled", {"requestId": "same"})
    bob.tool("echo", {"text": "after it"})
    s.server.tell("release", key=mark)
    return expect(pending.outcome().text == f"held {mark}", f"alice's answer, got {pending.stream}")


@case("the state of one is refused to the other, and is still good for its owner", client="modern", server="legacy")
def _(s):
    mark = s.mark()
    alice, bob = s.user(person("alice"), key="alice"), s.user(person("bob"), key="bob")
    params = {"name": "ask", "arguments": {"kind": "form", "mark": mark}}
    asked = alice.start("tools/call", params).outcome()
    stolen = bob.start("tools/call", bob.answered(params, asked)).outcome()
    done = alice.start("tools/call", alice.answered(params, asked)).outcome()
    return first(expect(stolen.code == -32602, f"-32602, got {stolen}"),
                 expect("alice" in (done.text or ""), f"alice's answer, got {done}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("the state of one is refused to the other once it was used, too", client="modern", server="legacy")
def _(s):
    alice, bob = s.user(person("alice"), key="alice"), s.user(person("bob"), key="bob")
    params = {"name": "ask", "arguments": {"kind": "form"}}
    retry = alice.answered(params, alice.start("tools/call", params).outcome())
    alice.start("tools/call", retry).outcome()
    stolen = bob.start("tools/call", retry).outcome()
    return expect(stolen.code == -32602 and "alice" not in json.dumps(stolen.error), f"-32602 and no word of alice's, got {stolen}")


@case("the event ids of one bring the other nothing", client="legacy", offer="resumption")
def _(s):
    alice, bob = s.user(key="alice"), s.user(key="bob")
    ids = [number for number, _ in alice.tool("steps", {"count": 3}, token="t").stream.events if number]
    if not ids:
        return "expected event ids"
    stream = bob.knock(ids[0])
    leaked = stream.wait(lambda message: "error" not in message, 0.3)
    stream.close()
    return expect(leaked is None, f"nothing, got {leaked}")


@case("what is told to one's session the other does not hear", server="legacy")
def _(s):
    alice, bob = s.user(key="alice"), s.user(key="bob")
    heard = {"alice": alice.watch(uris=["kit://text"]), "bob": bob.watch(uris=["kit://bytes"])}
    alice.tool("touch", {"uri": "kit://text"})
    bob.tool("touch", {"uri": "kit://bytes"})
    for news in heard.values():
        news.heard(UPDATED)
    got = {name: {each["uri"] for each in news.all(UPDATED)} for name, news in heard.items()}
    return expect(got == {"alice": {"kit://text"}, "bob": {"kit://bytes"}}, f"each their own, got {got}")


@case("the log lines of one do not come to the other", over="http")
def _(s):
    alice, bob, mark = s.user(key="alice"), s.user(key="bob"), s.mark()
    pending = alice.start_tool("hold", {"key": mark}, log="debug")
    held(s, mark)
    lines = bob.tool("logs", log="debug").heard("notifications/message")
    s.server.tell("release", key=mark)
    outcome = pending.outcome()
    return first(expect(len(lines) == 3, f"three for bob, got {lines}"),
                 expect(not outcome.heard("notifications/message"), f"none for alice, got {outcome.said}"))


@case("one who never answers does not keep the other from asking", client="modern", server="legacy")
def _(s):
    alice, bob = s.user(person("alice"), key="alice"), s.user(person("bob"), key="bob")
    first_of_bob = bob.start("tools/call", {"name": "ask", "arguments": {"kind": "form"}}).outcome()
    for _ in range(10):
        alice.start("tools/call", {"name": "ask", "arguments": {"kind": "form"}}).outcome()
    params = {"name": "ask", "arguments": {"kind": "form"}}
    done = bob.start("tools/call", bob.answered(params, first_of_bob)).outcome()
    return expect("bob" in (done.text or ""), f"bob's answer to a question that is older than all of alice's, got {done}")


@case("a call of one that is dropped is cancelled, and the other's goes on", client="modern")
def _(s):
    alice, bob, marks = s.user(key="alice"), s.user(key="bob"), (s.mark(), s.mark())
    dropped, kept = alice.start_tool("hold", {"key": marks[0]}, number=1), bob.start_tool("hold", {"key": marks[1]}, number=1)
    held(s, marks[0]), held(s, marks[1])
    dropped.drop()
    told = given_up(s, marks[0])
    s.server.tell("release", key=marks[1])
    return expect(told and kept.outcome().text == f"held {marks[1]}", f"bob's answer, got {kept.stream}")


@case("the key of a client does not reach the server", over="http")
def _(s):
    mark = s.mark()
    s.user(key="alice").tool("echo", {"text": mark})
    headers = s.server.called(mark)[0]["headers"]
    return expect("alice-key" not in json.dumps(headers), f"no key, got {headers}")


@case("an answer of one to the question of the other is not taken", client="legacy")
def _(s):
    unsaid = threading.Event()
    slow = Person(form=lambda params: unsaid.wait(s.patience) and {"action": "accept", "content": {"name": "alice"}})
    alice, bob = s.user(slow, key="alice"), s.user(person("bob"), key="bob")
    pending = alice.start_tool("ask", {"kind": "form"})
    question = pending.stream.wait(lambda message: "method" in message and "id" in message, s.patience)
    if not question:
        return f"expected a question, got {pending.stream}"
    forged = bob.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"name": "bob"}}})
    forged.wait_end(s.patience)
    unsaid.set()
    outcome = pending.outcome()
    return first(expect("alice" in (outcome.text or "") and "bob" not in outcome.text, f"alice's own answer, got {outcome}"),
                 expect(forged.status in (202, 400, 404), f"202 or 4xx for bob, got {forged}"))


class Wanderer:
    """A client that does what comes to its mind, and knows what must come of it."""

    def __init__(self, s, name, number, era=None):
        self.name, self.random, self.s = f"{name}-{number}", random.Random(number), s
        self.person = person(self.name)
        self.user, self.wrong = s.user(self.person, key=name, era=era), []

    def check(self, what, got, wanted):
        if got != wanted:
            self.wrong.append(f"{self.name} {what}: {wanted!r}, got {got!r}")

    def echo(self, i):
        self.check("echo", self.user.tool("echo", {"text": f"{self.name} {i}"}).text, f"{self.name} {i}")

    def steps(self, i):
        count = self.random.randint(1, 5)
        outcome = self.user.tool("steps", {"count": count}, token="same for all")
        self.check("steps", [each["progress"] for each in outcome.heard(PROGRESS)], list(range(1, count + 1)))

    def ask(self, i):
        said = answered(self.user.tool("ask", {"kind": "form"}, seconds=3 * self.s.patience))
        self.check(f"ask {i}", said, self.person.answers["form"])

    def cancel(self, i):
        mark = f"{self.name} {i}"
        pending = self.user.start_tool("hold", {"key": mark})
        held(self.s, mark)
        self.user.cancel(pending)
        self.check("cancel", bool(given_up(self.s, mark)), True)

    def drop(self, i):
        self.user.start_tool("echo", {"text": "to nobody"}).drop()

    def run(self):
        try:
            for i in range(12):
                getattr(self, self.random.choice(("echo", "echo", "steps", "ask", "cancel", "drop")))(i)
        except Exception as problem:  # it is told as what went wrong
            self.wrong.append(f"{self.name}: {type(problem).__name__}: {problem}")


def crowd(wanderers):
    """Lets them all do what they want at the same time; what went wrong."""
    for each in wanderers[:2]:
        each.ask(0)  # alone: over stdio a gateway has to see once which tool asks, before it can tell questions apart
    threads = [threading.Thread(target=each.run) for each in wanderers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    wrong = [each for wanderer in wanderers for each in wanderer.wrong]
    return expect(not wrong, "\n".join(["nothing wrong, got", *wrong[:6]]))


@case("many clients of both at once: nobody hears what is another's, and nothing is lost")
def _(s):
    return crowd([Wanderer(s, name, number) for number in range(4) for name in ("alice", "bob")])


@case("many clients of both and of both eras at once, too", client="modern", offer="bridge")
def _(s):
    return crowd([Wanderer(s, name, number, era) for number, era in enumerate(("legacy", "modern") * 2) for name in ("alice", "bob")])
