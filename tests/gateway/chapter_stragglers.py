# SPDX-License-Identifier: Apache-2.0
"""Several servers behind one endpoint, one of which takes its time for every list, and one is not there at first."""
import time

from kit import Chapter
from toolbox import expect

chapter = Chapter("stragglers", world="stragglers")
case = chapter.case
A_WHILE = 25  # seconds within which a gateway has to make up its mind about a server that does not answer


@case("a server that does not answer delays a list for a while, does not spoil it, and delays no call to another")
def _(s):
    user = s.user()
    outcome = user.ask("tools/list", seconds=A_WHILE)
    names = {each["description"]: each["name"] for each in (outcome.result or {}).get("tools", [])}
    if "echo of quick" not in names:
        return f"expected the list of the other, got {outcome}"
    user.start("tools/list")
    called = user.tool(names["echo of quick"], {"text": "on"})
    return expect(called.text == "on", f"an answer while a list is under way, got {called}")


@case("a server that kept one list waiting keeps no other list and no new client waiting")
def _(s):
    first = s.user().ask("tools/list", seconds=A_WHILE)
    begun = time.monotonic()
    user = s.user()
    outcomes = [user.ask(method, seconds=A_WHILE) for method in ("server/discover", "prompts/list") if s.client == "modern" or "server" not in method]
    took = time.monotonic() - begun
    return expect(first.result and all(each.result for each in outcomes) and took < A_WHILE / 4, f"answers soon, got {outcomes} after {took:.1f} s")


@case("a server that answers again is in the list again")
def _(s):
    s.servers["slow"].tell("release", key="mute")
    user, said = s.user(), []
    for _ in range(20):
        said = [each["description"] for each in user.everything("tools/list", "tools", seconds=A_WHILE)]
        if "echo of slow" in said:
            break
    return expect("echo of slow" in said and "echo of quick" in said, f"both, got {said}")


@case("a server that is started late is in the list from then on", client="modern")
def _(s):
    late, user = s.servers["late"], s.user()
    before = [each["description"] for each in user.everything("tools/list", "tools", seconds=A_WHILE)]
    late.start_again()
    end, said = time.monotonic() + 2 * A_WHILE, []
    while "echo of late" not in said and time.monotonic() < end:
        said = [each["description"] for each in user.everything("tools/list", "tools", seconds=A_WHILE)]
    return expect("echo of late" not in before and "echo of late" in said, f"it after, and not before, got {said}")
