# SPDX-License-Identifier: Apache-2.0
"""Several servers behind one endpoint: ants (legacy, stdio), bees (modern, HTTP), cats (legacy, HTTP), whose names and URIs
collide; and one that is dead. Nothing is assumed of how a gateway names what it merges: tools are known by their descriptions."""
import json
import re
import threading
import time

from chapter_news import UPDATED, changed
from chapter_running import PROGRESS
from kit import LONG, Chapter
from toolbox import expect, first
from users import Person

chapter = Chapter("federation", world="federation")
case = chapter.case
LIVING = ("ants", "bees", "cats")
NAMED = {"action": "accept", "content": {"name": "Ann"}}


def tools(user):
    """All tools by their description, which says whose they are."""
    return {each["description"]: each for each in user.everything("tools/list", "tools")}


def held_by(s, owner, mark):
    if not s.servers[owner].wait(lambda report: report.get("holds") == mark, s.patience):
        raise ValueError(f"the call that is held at {mark} never came to {owner}")


@case("every tool of every server that lives is listed once, whoever is dead")
def _(s):
    listed = s.user().everything("tools/list", "tools")
    names, said = [each["name"] for each in listed], [each["description"] for each in listed]
    wanted = [f"{tool} of {owner}" for owner in LIVING for tool in ("echo", "ask", "sum", "unusual")]
    missing = [each for each in wanted if said.count(each) != 1]
    return first(expect(not missing, f"each once, but not {missing}; listed were {names}"),
                 expect(len(names) == len(set(names)), f"names that differ, got {names}"))


@case("names are at most 64 characters, of the allowed kinds, however long they were")
def _(s):
    listed = tools(s.user())
    bad = [each["name"] for each in listed.values() if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", each["name"])]
    long = [f"{end} of {owner}" for owner in LIVING for end in ("first", "second")]
    return first(expect(not bad, f"good names, got {bad}"),
                 expect(all(each in listed for each in long), "the long ones to be there too"))


@case("names are the same for every client and after a restart")
def _(s):
    before = [each["name"] for each in s.user().everything("tools/list", "tools")]
    other = [each["name"] for each in s.user(key="bob" if s.world.principals else None).everything("tools/list", "tools")]
    if s.client == "legacy":
        s.world.restart()
    after = [each["name"] for each in s.user().everything("tools/list", "tools")]
    return expect(before == other == after, f"the same names in the same order, got {before}, {other}, {after}")


@case("a call reaches the server whose tool it is, under the server's own name, and nobody else")
def _(s):
    user, wrong = s.user(), {}
    listed = tools(user)
    for owner in LIVING:
        mark = s.mark()
        outcome = user.tool(listed[f"echo of {owner}"]["name"], {"text": mark})
        got = {name: [report["got"]["params"]["name"] for report in s.servers[name].called(mark)] for name in LIVING}
        if outcome.text != mark or got != {name: ["echo"] if name == owner else [] for name in LIVING}:
            wrong[owner] = (outcome, got)
    return expect(not wrong, f"one call at its owner, got {wrong}")


@case("a tool whose name was shortened is called by its short name, without a list before")
def _(s):
    listed = tools(s.user())
    names = {(owner, end): listed[f"{end} of {owner}"]["name"] for owner in LIVING for end in ("first", "second")}
    user = s.user()
    got = {said: user.tool(name).text for said, name in names.items()}
    return expect(got == {(owner, end): f"{LONG}{end} of {owner}" for owner, end in names}, f"each its own, got {got}")


@case("a name that nobody has is an error -32602 and reaches nobody")
def _(s):
    mark = s.mark()
    outcomes = [s.user().tool(name, {"text": mark}) for name in ("echo", "nobody__echo", "ants", "ants__", "__echo")]
    return first(expect(all(outcome.code == -32602 for outcome in outcomes), f"-32602 each, got {outcomes}"),
                 expect(not any(s.servers[name].called(mark) for name in LIVING), "no call anywhere"))


@case("prompts are merged as tools are")
def _(s):
    user = s.user()
    listed = {each["description"]: each["name"] for each in user.everything("prompts/list", "prompts")}
    got = {}
    for owner in LIVING:
        outcome = user.ask("prompts/get", {"name": listed.get(f"greet of {owner}", "none"), "arguments": {"who": "Ann"}})
        got[owner] = ((outcome.result or {}).get("messages") or [{"content": {"text": outcome}}])[0]["content"]["text"]
    return expect(got == {owner: f"Hello Ann from {owner}" for owner in LIVING}, f"each its own, got {got}")


@case("every resource is listed, those with the same URI too, and each is read from its own server")
def _(s):
    user = s.user()
    uris = [each["uri"] for each in user.everything("resources/list", "resources")]
    texts = {uri: (user.ask("resources/read", {"uri": uri}).result or {"contents": [{}]})["contents"][0] for uri in uris}
    owners = [content.get("text", "").rpartition(" of ")[2] for uri, content in texts.items() if "shared" in uri]
    return first(expect(len(uris) == len(set(uris)), f"URIs that differ, got {uris}"),
                 expect(sorted(owners) == sorted(LIVING), f"the shared URI of each of the three, got {owners} of {uris}"),
                 expect(all(content.get("uri") == uri for uri, content in texts.items()),
                        f"contents under the URI that was asked for, got {texts}"))


@case("a URI that only one server has is kept as it is")
def _(s):
    user = s.user()
    uris = [each["uri"] for each in user.everything("resources/list", "resources")]
    own = [f"kit://{owner}/{i}" for owner in LIVING for i in range(5)]
    return expect(all(uri in uris for uri in own), f"{own}, got {uris}")


@case("templates of all are listed, and a URI of each is read from its own server")
def _(s):
    user = s.user()
    templates = [each["uriTemplate"] for each in user.everything("resources/templates/list", "resourceTemplates")]
    got = []
    for template in templates:
        outcome = user.ask("resources/read", {"uri": template.replace("{id}", "7")})
        got.append(((outcome.result or {}).get("contents") or [{}])[0].get("text"))
    return expect(len(templates) == 3 and got == ['{"id": "7"}'] * 3, f"three that can be read, got {templates} and {got}")


@case("links and embedded resources in results can be read")
def _(s):
    user, wrong = s.user(), {}
    listed = tools(user)
    for owner in LIVING:
        content = (user.tool(listed[f"shapes of {owner}"]["name"]).result or {}).get("content", [])
        uris = [each.get("uri") or each.get("resource", {}).get("uri") for each in content if each["type"] in ("resource_link", "resource")]
        reads = [((user.ask("resources/read", {"uri": uri}).result or {}).get("contents") or [{}])[0].get("text", "") for uri in uris]
        if len(reads) != 2 or not all(text.endswith(f"of {owner}") for text in reads):
            wrong[owner] = (uris, reads)
    return expect(not wrong, f"two of each, got {wrong}")


@case("completion knows the merged names and templates")
def _(s):
    user = s.user()
    prompts = {each["description"]: each["name"] for each in user.everything("prompts/list", "prompts")}
    templates = [each["uriTemplate"] for each in user.everything("resources/templates/list", "resourceTemplates")]
    references = [{"type": "ref/prompt", "name": prompts[f"greet of {owner}"]} for owner in LIVING]
    references += [{"type": "ref/resource", "uri": each} for each in templates]
    got = [user.ask("completion/complete", {"ref": reference, "argument": {"name": "who", "value": "x"}}) for reference in references]
    return expect(all(outcome.result and outcome.result["completion"]["values"][:2] == ["xa", "xb"] for outcome in got),
                  f"values each, got {got}")


@case("a cursor that was forged, or is of another list, is refused as -32602")
def _(s):
    user = s.user()
    page = user.ask("tools/list")
    cursor = (page.result or {}).get("nextCursor")
    forged = [user.ask("tools/list", {"cursor": each}) for each in ("forged", *(["x" + cursor[1:], cursor[:-2]] if cursor else []))]
    foreign = [user.ask("resources/list", {"cursor": cursor})] if cursor else []
    return first(expect(all(each.code == -32602 for each in forged + foreign), f"-32602 each, got {forged} and {foreign}"))


@case("the cursor of one principal is refused to another as -32602")
def _(s):
    if not s.world.principals:
        return None
    alice, bob = s.user(key="alice"), s.user(key="bob")
    cursor = (alice.ask("tools/list").result or {}).get("nextCursor")
    if cursor is None:  # all on one page: there is nothing to steal
        return None
    stolen, own = bob.ask("tools/list", {"cursor": cursor}), alice.ask("tools/list", {"cursor": cursor})
    return first(expect(stolen.code == -32602, f"-32602, got {stolen}"), expect(own.result, f"the owner's page, got {own}"))


@case("what can be done is the union, and the instructions of all are there")
def _(s):
    user = s.user()
    result = user.greeting.result if s.client == "legacy" else user.ask("server/discover").result
    missing = [owner for owner in LIVING if f"Instructions of {owner}." not in result.get("instructions", "")]
    return first(expect({"tools", "prompts", "resources", "completions"} <= set(result["capabilities"]), f"all, got {result}"),
                 expect(not missing, f"all instructions, but not of {missing}; got {result.get('instructions')}"))


@case("a question says which server asks, and its answer goes there")
def _(s):
    wrong = {}
    for owner in LIVING:
        person = Person(form=NAMED)
        user = s.user(person)
        outcome = user.tool(tools(user)[f"ask of {owner}"]["name"], {"kind": "form"})
        if not person.asked or owner not in person.asked[0][1].get("message", "") or not outcome.text or json.loads(outcome.text) != NAMED:
            wrong[owner] = (person.asked, outcome)
    return expect(not wrong, f"each by its name, got {wrong}")


@case("progress comes from the server that is called")
def _(s):
    user = s.user()
    listed = tools(user)
    heard = {owner: user.tool(listed[f"steps of {owner}"]["name"], {"count": 3}, token="t").heard(PROGRESS) for owner in LIVING}
    got = {owner: [each["progress"] for each in notes] for owner, notes in heard.items()}
    return expect(all(each == [1, 2, 3] for each in got.values()), f"three steps each, got {got}")


@case("a cancellation reaches the server that is called, and nobody else")
def _(s):
    user, wrong = s.user(), []
    listed = tools(user)
    for owner in LIVING:
        mark = s.mark()
        pending = user.start_tool(listed[f"hold of {owner}"]["name"], {"key": mark})
        held_by(s, owner, mark)
        others = {name: len(s.servers[name].received("notifications/cancelled")) for name in LIVING if name != owner}
        user.cancel(pending)
        if not s.servers[owner].wait(lambda report, mark=mark: report.get("given_up") == mark, s.patience):
            wrong.append(owner)
        if others != {name: len(s.servers[name].received("notifications/cancelled")) for name in others}:
            wrong.append(f"others than {owner} were told")
    return expect(not wrong, f"each told, but {wrong}")


@case("a change of one server's list is told, and the merged list has it")
def _(s):
    user, wrong = s.user(), []
    user.everything("tools/list", "tools")
    news = user.watch()
    for owner in LIVING:
        name, end = s.mark(), time.monotonic() + s.patience
        before = len(news.all(changed("tools")))
        while len(news.all(changed("tools"))) == before and time.monotonic() < end:
            s.servers[owner].tell("add_tool", name=name)
            news.stream.wait(lambda message: False, 0.3)
        told = len(news.all(changed("tools"))) > before
        if not told or f"{name} of {owner}" not in tools(user):
            wrong.append((owner, told))
    return expect(not wrong, f"each told and listed, but {wrong}; heard was {news.stream.messages}")


@case("updates of a resource are told under the URI that the client knows")
def _(s):
    user, wrong = s.user(), {}
    uris = {}
    for uri in [each["uri"] for each in user.everything("resources/list", "resources") if "shared" in each["uri"]]:
        uris[user.ask("resources/read", {"uri": uri}).result["contents"][0]["text"].rpartition(" of ")[2]] = uri
    news = user.watch(uris=list(uris.values()))
    for owner, uri in uris.items():
        end = time.monotonic() + s.patience
        while uri not in [each["uri"] for each in news.all(UPDATED)] and time.monotonic() < end:
            s.servers[owner].tell("updated", uri="kit://shared")
            news.stream.wait(lambda message: False, 0.3)
        if uri not in [each["uri"] for each in news.all(UPDATED)]:
            wrong[owner] = uri
    return first(expect(sorted(uris) == sorted(LIVING), f"the resource of each, got {uris}"),
                 expect(not wrong, f"each told, but not {wrong}; heard was {news.stream.messages}"))


@case("a server that dies during a call costs the others nothing")
def _(s):
    user = s.user()
    listed = tools(user)
    outcome = user.tool(listed["die of ants"]["name"], seconds=4 * s.patience)
    others = [user.tool(listed[f"echo of {owner}"]["name"], {"text": owner}).text for owner in ("bees", "cats")]
    return first(expect(outcome.failed, f"an error, got {outcome}"),
                 expect(others == ["bees", "cats"], f"the others to answer, got {others}"))


@case("results say the least of what the servers promise: the shortest life, and private if one is", client="modern")
def _(s):
    result = s.user().ask("tools/list").result or {}
    return expect(result.get("cacheScope") == "private" and isinstance(result.get("ttlMs"), int) and result["ttlMs"] <= 60000,
                  f"private and short, got {result.get('ttlMs')}, {result.get('cacheScope')}")


@case("a log level is heeded by all")
def _(s):
    user, got = s.user(), {}
    listed = tools(user)
    for owner in LIVING:
        got[owner] = [each["level"] for each in user.tool(listed[f"logs of {owner}"]["name"], log="error").heard("notifications/message")]
    return expect(all(each == ["error"] for each in got.values()), f"errors only, got {got}")


@case("each server is asked for its own subscription, and no longer once it was ended", client="legacy")
def _(s):
    user = s.user()
    news = user.watch(uris=["kit://ants/1", "kit://cats/1"])
    user.ask("resources/unsubscribe", {"uri": "kit://ants/1"})
    got = {name: ([each["got"]["params"]["uri"] for each in s.servers[name].received("resources/subscribe")][-1:],
                  [each["got"]["params"]["uri"] for each in s.servers[name].received("resources/unsubscribe")][-1:]) for name in ("ants", "cats")}
    news.stream.close()
    return expect(got["ants"] == (["kit://ants/1"], ["kit://ants/1"]) and got["cats"][0] == ["kit://cats/1"] and got["cats"][1] != ["kit://cats/1"],
                  f"ants both, cats the first, got {got}")


@case("a state belongs to the server that asked: with another's tool it is refused as -32602", client="modern")
def _(s):
    user = s.user(Person(form=NAMED))
    listed = tools(user)
    params = {"name": listed["ask of ants"]["name"], "arguments": {"kind": "form"}}
    asked = user.start("tools/call", params).outcome()
    retry = user.answered(params, asked)
    before = {owner: len(s.servers[owner].received("tools/call")) for owner in LIVING}
    stolen = user.start("tools/call", {**retry, "name": listed["ask of cats"]["name"]}).outcome()
    after = {owner: len(s.servers[owner].received("tools/call")) for owner in LIVING}
    done = user.start("tools/call", retry).outcome()
    return first(expect(stolen.code == -32602 and before == after, f"-32602 and no call, got {stolen}"),
                 expect(done.text and json.loads(done.text) == NAMED, f"the right one to work, got {done}"))


@case("equal questions of two servers at the same time are not confused")
def _(s):
    people = {owner: Person(form={"action": "accept", "content": {"name": owner}}) for owner in LIVING}
    users = {owner: s.user(each) for owner, each in people.items()}
    listed = tools(users["ants"])
    names = {owner: listed[f"ask of {owner}"]["name"] for owner in LIVING}
    if s.client == "legacy":
        pending = {owner: users["ants"].start_tool(names[owner], {"kind": "form"}) for owner in LIVING}
        got = {owner: json.loads(each.outcome().text or "null") for owner, each in pending.items()}
        return expect(got == {owner: people["ants"].answers["form"] for owner in LIVING}, f"all of ants' person, got {got}")
    rounds = {owner: users[owner].start("tools/call", {"name": names[owner], "arguments": {"kind": "form"}}).outcome() for owner in LIVING}
    got = {}
    for owner in reversed(LIVING):
        retry = users[owner].answered({"name": names[owner], "arguments": {"kind": "form"}}, rounds[owner])
        got[owner] = json.loads(users[owner].start("tools/call", retry).outcome().text or "null")
    return expect(got == {owner: people[owner].answers["form"] for owner in LIVING}, f"each their own, got {got}")


@case("behind one endpoint too, what is told to one principal's server the other has not heard")
def _(s):
    if not s.world.principals:
        return None
    alice, bob = s.user(key="alice"), s.user(key="bob")
    listed, wrong = tools(alice), {}
    for owner in ("ants", "cats"):  # bees keep nothing
        word = s.mark()
        alice.tool(listed[f"remember of {owner}"]["name"], {"word": word})
        got = [user.tool(listed[f"recall of {owner}"]["name"]).text for user in (bob, alice)]
        if got[0] == word or got[1] != word:
            wrong[owner] = got
    return expect(not wrong, f"alice's words for alice only, got {wrong}")


@case("a session that is ended is ended at every server", client="legacy")
def _(s):
    user, mark = s.user(), s.mark()
    listed = tools(user)
    for owner in ("ants", "cats"):
        user.tool(listed[f"echo of {owner}"]["name"], {"text": mark})
    sessions = {owner: s.servers[owner].called(mark)[0]["session"] for owner in ("ants", "cats")}
    user.end()
    user.session = None
    kept = [owner for owner, session in sessions.items()
            if not s.servers[owner].wait(lambda report, session=session: session in (report.get("ended"), report.get("deleted")), s.patience)]
    return expect(not kept, f"both, but not {kept}")


@case("a server that forgot its sessions does not take those of the others with it")
def _(s):
    user = s.user()
    listed = tools(user)
    for owner in LIVING:
        user.tool(listed[f"echo of {owner}"]["name"], {"text": "before"})
    s.servers["cats"].tell("forget")
    s.servers["cats"].desk.settle("cats")
    first_try = user.tool(listed["echo of cats"]["name"], {"text": "after"})
    others = [user.tool(listed[f"echo of {owner}"]["name"], {"text": owner}).text for owner in ("ants", "bees")]
    second = user.tool(listed["echo of cats"]["name"], {"text": "again"})
    return first(expect(others == ["ants", "bees"], f"the others to go on, got {others} after {first_try}"),
                 expect("after" == first_try.text or second.text == "again", f"cats to be back, got {first_try} and {second}"))


@case("the answer to a call whose stream was dropped can be fetched with the last event id", client="legacy")
def _(s):
    user, wrong = s.user(), {}
    listed = tools(user)
    for owner in LIVING:
        mark = s.mark()
        pending = user.start_tool(listed[f"steps of {owner}"]["name"], {"count": 2, "hold": mark}, token="t")
        pending.stream.wait(lambda message: message.get("params", {}).get("progress") == 2, s.patience)
        held_by(s, owner, mark)
        pending.drop()
        s.servers[owner].tell("release", key=mark)
        resumed = user.standalone(after=pending.stream.last_event_id)
        if not resumed.wait(lambda message, number=pending.id: message.get("id") == number and "result" in message, s.patience):
            wrong[owner] = resumed
        resumed.close()
    return expect(not wrong, f"each answer, got {wrong}")


@case("a call that is dropped is cancelled at its server", client="modern")
def _(s):
    user, wrong = s.user(), []
    listed = tools(user)
    for owner in LIVING:
        mark = s.mark()
        pending = user.start_tool(listed[f"hold of {owner}"]["name"], {"key": mark})
        held_by(s, owner, mark)
        pending.drop()
        if not s.servers[owner].wait(lambda report, mark=mark: report.get("given_up") == mark, s.patience):
            wrong.append(owner)
    return expect(not wrong, f"each told, but not {wrong}")


@case("many clients at once get their own answers from the server they called")
def _(s):
    users = [s.user() for _ in range(6)]
    listed = tools(users[0])
    wrong = []

    def run(user, number):
        for i in range(9):
            owner, text = LIVING[(number + i) % 3], f"{number}/{i}"
            outcome = user.tool(listed[f"echo of {owner}"]["name"], {"text": text})
            steps = user.tool(listed[f"steps of {owner}"]["name"], {"count": 2}, token="same").heard(PROGRESS) if i % 3 == 0 else [1, 2]
            if outcome.text != text or len(steps) != 2:
                wrong.append((owner, text, outcome, steps))
    threads = [threading.Thread(target=run, args=(user, number)) for number, user in enumerate(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return expect(not wrong, f"54 answers, got {wrong[:3]}")


@case("three questions of one call reach the person, and its server gets the answers")
def _(s):
    wrong = {}
    for owner in LIVING:
        said = {"role": "assistant", "content": {"type": "text", "text": "Something"}, "model": "kit"}
        person = Person(form=NAMED, sampling=said, roots={"roots": []})
        user = s.user(person)
        outcome = user.tool(tools(user)[f"ask_three of {owner}"]["name"])
        if not outcome.text or json.loads(outcome.text) != {"name": NAMED, "thought": said, "folders": {"roots": []}}:
            wrong[owner] = (person.asked, outcome)
    return expect(not wrong, f"each its own, got {wrong}")


@case("a list is whole though it changes between two of its pages, or its cursor is refused")
def _(s):
    user = s.user()
    page = user.ask("tools/list")
    cursor = (page.result or {}).get("nextCursor")
    if cursor is None:
        return None
    s.servers["ants"].tell("add_tool", name=s.mark())
    s.servers["ants"].desk.settle("ants")
    names = [each["description"] for each in page.result["tools"]]
    while cursor is not None:
        page = user.ask("tools/list", {"cursor": cursor})
        if page.error:
            return expect(page.code == -32602, f"-32602, got {page}")
        names += [each["description"] for each in page.result["tools"]]
        cursor = page.result.get("nextCursor")
    missing = [f"echo of {owner}" for owner in LIVING if f"echo of {owner}" not in names]
    return expect(not missing, f"the tools of all, but not {missing}")
