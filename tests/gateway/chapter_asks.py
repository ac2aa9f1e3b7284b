# SPDX-License-Identifier: Apache-2.0
"""What a server asks during a call: elicitation by form and by page, sampling, roots; and the states that carry the answers."""
import json

from kit import Chapter, goes_on
from toolbox import expect, first
from users import Person

chapter = Chapter("asks")
case = chapter.case
NAMED = {"action": "accept", "content": {"name": "Ann é"}}
SAID = {"role": "assistant", "content": {"type": "text", "text": "Something"}, "model": "kit", "stopReason": "endTurn"}
ROOTS = {"roots": [{"uri": "file:///home/ann", "name": "ann"}]}
ANSWERS = {"form": NAMED, "url": {"action": "accept"}, "sampling": SAID, "roots": ROOTS}


def everybody():
    return Person(**ANSWERS)


def answered(outcome):
    """What the server says that it was answered."""
    return json.loads(outcome.text) if outcome.text else outcome


def asked_once(s, mark=None, **tool):
    """A modern client's first round: (client, its request's params, the outcome that asks)."""
    user = s.user(everybody())
    params = {"name": "ask", "arguments": {"kind": "form", **({"mark": mark} if mark else {})}, **tool}
    outcome = user.start("tools/call", params).outcome()
    if (outcome.result or {}).get("resultType") != "input_required":
        raise ValueError(f"a question, got {outcome}")
    return user, params, outcome


@case("a form is shown to the person as the server wrote it, and the server gets the answer")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask", {"kind": "form"})
    shown = person.asked[0][1] if person.asked else {}
    return first(expect(shown.get("message") == "What is your name?", f"the question, got {person.asked}"),
                 expect(shown.get("requestedSchema", {}).get("required") == ["name"], f"the form, got {person.asked}"),
                 expect(answered(outcome) == NAMED, f"{NAMED}, got {outcome}"))


@case("a page to visit is shown to the person, and the server is told that the person went there")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask", {"kind": "url"})
    kind, shown = person.asked[0] if person.asked else (None, {})
    return first(expect(kind == "url" and shown.get("url") == "https://example.com/sign-in", f"the page, got {person.asked}"),
                 expect(("elicitationId" in shown) == (s.client == "legacy"),
                        f"an elicitationId for a legacy client only, got {shown}"),
                 expect(answered(outcome) == {"action": "accept"}, f"accept, got {outcome}"))


@case("a model is asked, and the server gets what it said")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask", {"kind": "sampling"})
    said = [params["messages"][0]["content"]["text"] for _, params in person.asked]
    return first(expect(said == ["Say something"], f"the message, got {person.asked}"),
                 expect(answered(outcome) == SAID, f"{SAID}, got {outcome}"))


@case("the client's roots reach the server")
def _(s):
    outcome = s.user(everybody()).tool("ask", {"kind": "roots"})
    return expect(answered(outcome) == ROOTS, f"{ROOTS}, got {outcome}")


@case("a person who declines or closes the question has answered")
def _(s):
    got = [answered(s.user(Person(form={"action": action})).tool("ask", {"kind": "form"})) for action in ("decline", "cancel")]
    return expect(got == [{"action": "decline"}, {"action": "cancel"}], f"both, got {got}")


@case("a client that answers with an error ends the call with an error", client="legacy", server="modern")
def _(s):
    outcome = s.user(Person(sampling_error={"code": -1, "message": "User rejected sampling request"})).tool("ask", {"kind": "sampling"})
    return expect(outcome.failed, f"an error, got {outcome}")


@case("a client's error is the answer that a legacy server gets", client="legacy", server="legacy")
def _(s):
    outcome = s.user(Person(sampling_error={"code": -1, "message": "User rejected sampling request"})).tool("ask", {"kind": "sampling"})
    return expect("User rejected" in json.dumps(answered(outcome) if outcome.text else ""), f"the client's error, got {outcome}")


@case("a client that cannot be asked is not, and the call ends with an error")
def _(s):
    person = Person(roots=ROOTS)
    outcome = s.user(person).tool("ask", {"kind": "sampling"})
    complaint = None
    if s.client == s.server.era == "modern":
        required = ((outcome.error or {}).get("data") or {}).get("requiredCapabilities")
        complaint = expect((outcome.status, outcome.code) == (400, -32021) and required == {"sampling": {}},
                           f"HTTP 400, -32021 and what is required, got {outcome}")
    return first(expect(not person.asked, f"no question, got {person.asked}"), complaint,
                 expect(outcome.failed, f"an error, got {outcome}"))


@case("two questions one after the other are both answered, in their order")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask_twice")
    return first(expect([kind for kind, _ in person.asked] == ["form", "sampling"], f"a form and then a model, got {person.asked}"),
                 expect(answered(outcome) == [NAMED, SAID], f"both answers, got {outcome}"))


@case("three questions at once are each answered by their own answer")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask_three")
    return first(expect(sorted(kind for kind, _ in person.asked) == ["form", "roots", "sampling"],
                        f"all three, got {person.asked}"),
                 expect(answered(outcome) == {"name": NAMED, "thought": SAID, "folders": ROOTS}, f"each its own, got {outcome}"))


@case("a resource and a prompt may ask too")
def _(s):
    person = everybody()
    user = s.user(person)
    read, prompt = user.ask("resources/read", {"uri": "kit://ask"}), user.ask("prompts/get", {"name": "ask"})
    return expect("Ann" in json.dumps((read.result or {}).get("contents",
                  "")) and "Ann" in json.dumps((prompt.result or {}).get("messages", "")),
                  f"the name in both, got {read} and {prompt}")


@case("a call that asks runs once at a legacy server", server="legacy")
def _(s):
    mark = s.mark()
    outcome = s.user(everybody()).tool("ask", {"kind": "form", "mark": mark})
    return expect(answered(outcome) == NAMED and len(s.server.called(mark)) == 1,
                  f"one call, got {len(s.server.called(mark))} and {outcome}")


@case("the answer to a question comes with progress and log of the same call")
def _(s):
    user = s.user(everybody())
    outcome = user.tool("ask", {"kind": "form"}, token="t")
    return expect(answered(outcome) == NAMED and user.tool("steps", {"count": 1}, token="t").heard("notifications/progress"),
                  f"both, got {outcome}")


@case("several calls that ask at the same time each get their own answer")
def _(s):
    people = [Person(form={"action": "accept", "content": {"name": f"person {i}"}}) for i in range(4)]
    users = [s.user(person) for person in people]
    if s.client == "legacy":
        pending = [user.start_tool("ask", {"kind": "form"}) for user in users]
        got = [answered(each.outcome()) for each in pending]
    else:  # all ask before anybody answers
        params = {"name": "ask", "arguments": {"kind": "form"}}
        rounds = [user.start("tools/call", params).outcome() for user in users]
        retries = [user.start("tools/call", user.answered(params, outcome)) for user, outcome in reversed(list(zip(users, rounds)))]
        got = [answered(retry.outcome()) for retry in reversed(retries)]
    return expect(got == [person.answers["form"] for person in people], f"each its own, got {got}")


@case("a question on the standalone stream finds the one call that it can belong to", server="legacy", over="http")
def _(s):
    person = everybody()
    user = s.user(person)
    if s.client == "legacy":
        user.watch()
    outcome = user.tool("ask_on_standalone", {"kind": "form"})
    return expect(answered(outcome) == NAMED, f"{NAMED}, got {outcome}; asked was {person.asked}")


@case("a question outside of any call is answered with an error, where nobody can be asked", client="modern", server="legacy")
def _(s):
    s.user(everybody()).tool("echo", {"text": "a session is there now"})
    before = len([report for report in s.server.reports if "error" in (report.get("got") or {})])
    s.server.tell("ask_unasked", kind="sampling")
    refused = s.server.wait(lambda report: "error" in (report.get("got") or {}), s.patience)
    return expect(refused or before, "an error at the server")


@case("an error -32042 becomes a page to visit, and the call is made again after it", client="modern", server="legacy")
def _(s):
    person = Person(url={"action": "accept"}, roots=ROOTS)
    outcome = s.user(person).tool("sign_in")
    return first(expect([kind for kind, _ in person.asked] == ["url"] and "elicitationId" not in person.asked[0][1],
                        f"the page, got {person.asked}"),
                 expect(outcome.text == "signed in", f"the second call's answer, got {outcome}"))


@case("an error -32042 reaches a client that knows it", client="legacy", server="legacy")
def _(s):
    outcome = s.user(everybody()).tool("sign_in")
    return expect(outcome.code == -32042 and outcome.error["data"]["elicitations"][0]["url"].startswith("https://"),
                  f"-32042 with the page, got {outcome}")


@case("a state that was changed is refused as -32602, and the right one is still good", client="modern")
def _(s):
    mark = s.mark()
    user, params, outcome = asked_once(s, mark)
    retry = user.answered(params, outcome)
    state, complaints = retry["requestState"], []
    for forged in ("X" + state[1:], state[1:], "", "never given"):
        refused = user.start("tools/call", {**retry, "requestState": forged}).outcome()
        complaints.append(expect(refused.code == -32602, f"-32602 for {forged!r}, got {refused}"))
    done = user.start("tools/call", retry).outcome()
    once = s.server.era == "modern" or len(s.server.called(mark)) == 1
    return first(*complaints, expect(answered(done) == NAMED, f"the answer, got {done}"), expect(once, "one call at the server"))


@case("the state of one request is of no use to another", client="modern", server="legacy")
def _(s):
    user, params, outcome = asked_once(s)
    retry, mark = user.answered(params, outcome), s.mark()
    others = [{**retry, "name": "echo", "arguments": {"text": mark}}, {**retry, "arguments": {"kind": "form", "mark": mark}}]
    refused = [user.start("tools/call", other).outcome() for other in others]
    prompt = user.start("prompts/get", {**retry, "name": "show", "arguments": {}}).outcome()
    return first(expect(all(each.code == -32602 for each in [*refused, prompt]), f"-32602 each, got {refused} and {prompt}"),
                 expect(not s.server.called(mark), "no call at the server"),
                 expect(answered(user.start("tools/call", retry).outcome()) == NAMED, "the state's own request to work"))


@case("a state that was used runs nothing a second time", client="modern", server="legacy")
def _(s):
    mark = s.mark()
    user, params, outcome = asked_once(s, mark)
    retry = user.answered(params, outcome)
    done, again = user.start("tools/call", retry).outcome(), user.start("tools/call", retry).outcome()
    return first(expect(answered(done) == NAMED, f"the answer, got {done}"),
                 expect(again.code == -32602 or answered(again) == NAMED, f"the same or -32602, got {again}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("a retry that does not answer is asked again", client="modern")
def _(s):
    user, params, outcome = asked_once(s)
    empty = user.start("tools/call", {**params, "requestState": outcome.result["requestState"], "inputResponses": {}}).outcome()
    if (empty.result or {}).get("resultType") != "input_required":
        return f"expected the question again, got {empty}"
    return expect(answered(user.start("tools/call", user.answered(params, empty)).outcome()) == NAMED,
                  "the answer after the second question")


@case("answers to what was not asked are ignored", client="modern")
def _(s):
    user, params, outcome = asked_once(s)
    retry = user.answered(params, outcome)
    retry["inputResponses"]["nobody asked"] = {"action": "accept"}
    done = user.start("tools/call", retry).outcome()
    return expect(answered(done) == NAMED, f"the answer, got {done}")


@case("a client that never comes back keeps nobody from asking or calling", client="modern")
def _(s):
    for _ in range(10):
        asked_once(s)
    user = s.user(everybody())
    done = user.tool("ask", {"kind": "form"})
    return first(expect(answered(done) == NAMED, f"an answer, got {done}"),
                 expect(user.tool("echo", {"text": "on"}).text == "on", "a call to work"))


@case("the question is not cancelled when the stream that brought it ends", client="modern", server="legacy")
def _(s):
    mark = s.mark()
    user, params, outcome = asked_once(s, mark)
    outcome.stream.close()
    user.tool("echo", {"text": "meanwhile"})
    done = user.start("tools/call", user.answered(params, outcome)).outcome()
    return first(expect(answered(done) == NAMED, f"the answer, got {done}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("a result of input_required says so, with requests that have a method, and a state", client="modern")
def _(s):
    _, _, outcome = asked_once(s)
    asked = outcome.result.get("inputRequests") or {}
    return expect(len(asked) == 1 and all(set(each) <= {"method",
                  "params"} and each["method"] == "elicitation/create" for each in asked.values())
                  and isinstance(outcome.result.get("requestState"), str), f"one question and a state, got {outcome}")


@case("a state of the gateway's earlier life is refused as -32602, and nothing runs", client="modern", server="legacy", over="stdio")
def _(s):
    mark = s.mark()
    user, params, outcome = asked_once(s, mark)
    retry = user.answered(params, outcome)
    s.world.restart()
    refused = s.user(everybody()).start("tools/call", retry).outcome()
    return first(expect(refused.code == -32602, f"-32602, got {refused}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("two retries with the same state at the same time end in one run and the same answer", client="modern", server="legacy")
def _(s):
    mark = s.mark()
    user, params, outcome = asked_once(s, mark)
    retry = user.answered(params, outcome)
    pending = [user.start("tools/call", retry) for _ in range(2)]
    done = [each.outcome() for each in pending]
    return first(expect(any(answered(each) == NAMED for each in done), f"the answer, got {done}"),
                 expect(all(answered(each) == NAMED or each.code == -32602 for each in done), f"the answer or -32602, got {done}"),
                 expect(len(s.server.called(mark)) == 1, "one call at the server"))


@case("a question that the server withdraws does not keep its result from the client", server="legacy")
def _(s):
    mark = s.mark()
    slow = Person(form=lambda params: None) if s.client == "legacy" else everybody()
    user = s.user(slow)
    params = {"name": "ask_impatiently", "arguments": {"key": mark}}
    pending = user.start("tools/call", params)
    if not s.server.wait(lambda report: "asked" in report, s.patience):
        return "expected a question"
    if s.client == "legacy":
        s.server.tell("release", key=mark)
        return expect(pending.outcome().text == "gave up", f"the result, got {pending.stream}")
    retry = user.answered(params, pending.outcome())
    s.server.tell("release", key=mark)
    done = user.start("tools/call", retry).outcome()
    return expect(done.text == "gave up", f"the result, got {done}")


@case("a server that dies once it was answered costs an error that says so, and not the same question again")
def _(s):
    person = everybody()
    outcome = s.user(person).tool("ask_then_die", seconds=2 * s.patience)
    return first(expect(outcome.failed and (outcome.result or {}).get("resultType") != "input_required", f"an error, got {outcome}"),
                 expect(len(person.asked) == 1, f"one question, got {person.asked}"), goes_on(s.user()))


@case("a client of 2025-06-18 is shown forms, without what it does not know, and no pages", client="legacy")
def _(s):
    class Older(Person):
        capabilities = {"elicitation": {}}
    person = Older(form=NAMED)
    user = s.user(person, revision="2025-06-18")
    outcome = user.tool("ask", {"kind": "form"})
    mode = [params.get("mode") for _, params in person.asked]
    refused = user.tool("ask", {"kind": "url"})
    return first(expect(answered(outcome) == NAMED, f"{NAMED}, got {outcome}"),
                 expect(s.server.era == "legacy" or mode == [None], f"no mode, which is of 2025-11-25, got {mode}"),
                 expect(refused.failed and len(person.asked) == 1, f"no page, got {refused} after {person.asked}"))


@case("a client that leaves after it answered cancels the call at the server", client="modern", server="legacy")
def _(s):
    mark = s.mark()
    user = s.user(everybody())
    params = {"name": "ask", "arguments": {"kind": "form", "then": mark}}
    outcome = user.start("tools/call", params).outcome()
    retry = user.start("tools/call", user.answered(params, outcome))
    if not s.server.wait(lambda report: report.get("holds") == mark, s.patience):
        return f"expected the call to go on, got {retry.stream}"
    retry.drop()
    return expect(s.server.wait(lambda report: report.get("given_up") == mark, s.patience), "the server to be told")


@case("answers that are no answers never reach the server, and the right one is still taken", client="modern", server="legacy")
def _(s):
    user, params, outcome = asked_once(s)
    retry = user.answered(params, outcome)
    key, wrong = next(iter(retry["inputResponses"])), []
    for junk in ([], "text", 5, {key: None}, {key: "text"}, {key: [1]}):
        reply = user.start("tools/call", {**retry, "inputResponses": junk}).outcome()
        if reply.code != -32602 and (reply.result or {}).get("resultType") != "input_required":
            wrong.append((junk, reply))
    done = user.start("tools/call", retry).outcome()
    return first(expect(not wrong, f"-32602 or the question again, got {wrong}"), expect(answered(done) == NAMED, f"the answer, got {done}"))


@case("a call that is cancelled while its person thinks is not made again", client="legacy", server="modern")
def _(s):
    mark = s.mark()
    user = s.user(Person(form=lambda params: None))
    pending = user.start_tool("ask", {"kind": "form", "mark": mark})
    question = pending.stream.wait(lambda message: message.get("method") == "elicitation/create", s.patience)
    user.cancel(pending)
    if question:
        user.send({"jsonrpc": "2.0", "id": question["id"], "result": NAMED}).wait_end(s.patience)
    return first(expect(question, f"a question, got {pending.stream}"), goes_on(user),
                 expect(len(s.server.called(mark)) == 1, f"one call at the server, got {len(s.server.called(mark))}"))


def asked_anyway(s):
    person = Person(form=NAMED)
    user = s.user(person)
    outcome = user.tool("ask_anyway", {"kind": "sampling"})
    wrong = (outcome.result or {}).get("resultType") == "input_required"
    return first(expect(not person.asked and not wrong, f"no question, got {person.asked} and {outcome}"),
                 expect(outcome.answer, f"an end of the call, got {outcome}"), goes_on(user))


@case("a legacy client is never asked what it did not say that it can answer", client="legacy", server="modern")
def _(s):
    return asked_anyway(s)


@case("a modern client is never asked what it did not say that it can answer", client="modern", server="legacy")
def _(s):
    return asked_anyway(s)


@case("a server that asks for ever is stopped", client="legacy", server="modern")
def _(s):
    person = Person(form=NAMED)
    user = s.user(person)
    outcome = user.tool("ask_forever", seconds=3 * s.patience)
    return first(expect(outcome.failed, f"an error, got {outcome}"), expect(len(person.asked) <= 20, f"an end, got {len(person.asked)} questions"),
                 goes_on(user))


@case("a server that only wants the call to be sent again gets it, with its state", server="modern")
def _(s):
    mark = s.mark()
    outcome = s.user(everybody()).tool("come_back", {"mark": mark})
    return first(expect(outcome.text == "came back 2", f"the result, got {outcome}"),
                 expect(len(s.server.called(mark)) == 3, f"three calls at the server, got {len(s.server.called(mark))}"))
