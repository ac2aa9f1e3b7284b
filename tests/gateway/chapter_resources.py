# SPDX-License-Identifier: Apache-2.0
"""Resources: lists, templates, contents."""
from kit import Chapter
from toolbox import expect, first

chapter = Chapter("resources")
case = chapter.case


def contents(outcome):
    return ((outcome.result or {}).get("contents") or [{}])[0]


@case("every resource and every template is listed once, as the server wrote it")
def _(s):
    user = s.user()
    uris = [each["uri"] for each in user.everything("resources/list", "resources")]
    templates = user.everything("resources/templates/list", "resourceTemplates")
    return first(expect(uris == ["kit://text", "kit://bytes", f"kit://{s.server.name}/own"], f"three resources, got {uris}"),
                 expect([each["uriTemplate"] for each in templates] == [f"kit://{s.server.name}/item/{{id}}"]
                        and templates[0]["mimeType"] == "application/json", f"one template, got {templates}"))


@case("a text and a binary are read")
def _(s):
    user = s.user()
    words, data = contents(user.ask("resources/read", {"uri": "kit://text"})), contents(user.ask("resources/read", {"uri": "kit://bytes"}))
    return first(expect(words.get("text") == f"kit://text of {s.server.name}" and words.get("mimeType") == "text/plain",
                        f"the text, got {words}"),
                 expect(data.get("blob") == "iVBORw0KGgo=" and data.get("uri") == "kit://bytes", f"the bytes, got {data}"))


@case("a URI of a template is read as it was written, escapes included")
def _(s):
    uri = f"kit://{s.server.name}/item/a%20b%2Fc"
    outcome = s.user().ask("resources/read", {"uri": uri})
    return expect(contents(outcome).get("uri") == uri and '"a%20b%2Fc"' in contents(outcome).get("text", ""),
                  f"{uri}, got {outcome}")


@case("a resource that is not there is an error of the client's era, and names its URI")
def _(s):
    outcome = s.user().ask("resources/read", {"uri": "kit://nowhere"})
    code = -32602 if s.client == "modern" else -32002
    may = {code, -32602}  # legacy clients know both
    return first(expect(outcome.code in may and outcome.status == 200, f"{code}, got {outcome}"),
                 expect((outcome.error.get("data") or {}).get("uri") == "kit://nowhere", f"the URI in data, got {outcome}"))


@case("a resource without a URI is refused as -32602")
def _(s):
    outcome = s.user().ask("resources/read", {})
    return expect(outcome.code in (-32602, -32020) and outcome.code != -32603, f"-32602, got {outcome}")


@case("what a resource may be kept for is what the server said, if it can be said", client="modern")
def _(s):
    result = s.user().ask("resources/read", {"uri": "kit://text"}).result
    if s.server.era == "modern":
        return expect((result["ttlMs"], result["cacheScope"]) in ((60000, "public"), (60000, "private")), f"60000, got {result}")
    return expect(result["cacheScope"] == "private", f"private, for nobody said that it is for all, got {result}")
