# SPDX-License-Identifier: Apache-2.0
"""What a chapter is written with: cases with sentence names, and the worlds they run in.

A case is run once for each pair of eras and each transport of the upstream that it holds for. It is given a `Scene`: clients
in front of the gateway (`scene.user()`), the scripted upstream behind it (`scene.server`), and returns a complaint or None.
"""
import itertools

from desk import Upstream
from gateways import KEYS
from toolbox import expect
from users import LegacyUser, ModernUser

ERAS = ("legacy", "modern")
TRANSPORTS = ("stdio", "http")
MARKS = itertools.count(1)


def goes_on(user):
    """That a client can still call."""
    return expect(user.tool("echo", {"text": "on"}).text == "on", "the client to go on")


class Chapter:
    """The cases of one file, and the world they need: "pair" or "principals" (one upstream), or one of FEDERATED."""

    def __init__(self, title, world="pair"):
        self.title, self.world, self.cases = title, world, []

    def case(self, sentence, client=ERAS, server=ERAS, over=TRANSPORTS, offer=None, odd=()):
        """`offer` is what a gateway may leave out, by the specification; `odd` are the habits of the server."""
        def keep(check):
            each = lambda value: (value,) if isinstance(value, str) else value
            self.cases.append(Case(self, sentence, check, each(client), each(server), each(over), offer, odd))
        return keep


class Case:
    def __init__(self, chapter, sentence, check, client, server, over, offer, odd):
        self.chapter, self.sentence, self.check, self.offer = chapter, sentence, check, offer
        self.client, self.server, self.over, self.odd = client, server, over, odd

    def needs(self, client, server, over):
        """What a gateway has to offer for this run."""
        if self.chapter.world in FEDERATED:
            return {"federation"}
        needed = {over, self.offer, "bridge" if client != server else None, "principals" if self.chapter.world == "principals" else None}
        return needed - {None}

    def title(self, client, server, over):
        place = f"{client} client" if self.chapter.world in FEDERATED else f"{client} client, {server} server, {over}"
        return f"{self.chapter.title}: {self.sentence} [{place}]"


class World:
    """A gateway and what is behind it, for all the cases that can share them."""

    def __init__(self, desk, adapter, upstreams, principals, patience):
        self.desk, self.adapter, self.upstreams, self.patience = desk, adapter, upstreams, patience
        self.principals = principals
        self.gateway = adapter.start(upstreams, principals)

    def restart(self):
        self.gateway.stop()
        self.gateway = self.adapter.start(self.upstreams, self.principals)

    def stop(self):
        complaint = self.gateway.stop()
        for upstream in self.upstreams:
            upstream.stop()
        return complaint


class Scene:
    """One run of one case."""

    def __init__(self, world, client, server, over):
        self.world, self.client, self.server_era, self.over = world, client, server, over
        self.server, self.servers = world.upstreams[0], {upstream.name: upstream for upstream in world.upstreams}
        self.patience, self.users = world.patience, []

    @property
    def bridged(self):
        return self.client != self.server_era

    def mark(self):
        """A word that nobody said before."""
        return f"mark-{next(MARKS)}"

    def stranger(self, person=None, key=None, era=None):
        """A client that has not opened anything yet."""
        kind = LegacyUser if (era or self.client) == "legacy" else ModernUser
        user = kind(self.world.gateway.url, person, KEYS.get(key), self.patience)
        self.users.append(user)
        return user

    def user(self, person=None, key=None, era=None, revision=None):
        """A client of the scene's era, its session opened if it has one. `key` names a principal."""
        if self.world.principals:
            key = key or "alice"
        user = self.stranger(person, key, era)
        return user.open(revision) if revision else user.open()

    def end(self):
        """Everybody leaves; what the upstreams received that they never must is the complaint."""
        for user in self.users:
            user.leave()
            if user.session:
                try:
                    user.end()
                except OSError:
                    pass
        return [f"{upstream.name} received what it must not: {breach}" for upstream in self.world.upstreams
                for breach in upstream.breaches()]


def lone(desk, adapter, era, over, patience, principals=False, odd=()):
    """A world of one upstream of an era and a transport."""
    name = f"{era}{over}{'keys' if principals else ''}{''.join(odd)}"
    address = getattr(adapter, "address", "127.0.0.1:0")
    return World(desk, adapter, [Upstream(desk, name, era, over, address, page=7, odd=odd)], principals, patience)


LONG = "a_tool_with_a_name_that_is_as_long_as_names_may_get_in_some_catalogues_"
SHARED = {"uri": "kit://shared", "name": "shared"}


def federation(desk, adapter, patience):
    """Three upstreams of both eras and transports, whose names and URIs collide, and a dead one."""
    def extra(name):
        long = [{"name": LONG + end, "description": f"{end} of {name}", "inputSchema": {"type": "object"}} for end in ("first", "second")]
        return {"tools": long, "resources": [SHARED, *({"uri": f"kit://{name}/{i}", "name": f"{name}{i}"} for i in range(5))]}
    living = [Upstream(desk, "ants", "legacy", "stdio", page=5, extra=extra("ants")),
              Upstream(desk, "bees", "modern", "http", page=3, extra=extra("bees")),
              Upstream(desk, "cats", "legacy", "http", extra=extra("cats"))]
    return World(desk, adapter, [*living, Dead()], "principals" in adapter.offers, patience)


def stragglers(desk, adapter, patience):
    """One upstream that answers; one that takes its time for every list, until it is told to go on; and one that is started late."""
    slow = Upstream(desk, "slow", "legacy", "http", mute=("tools", "resources", "prompts", "resourceTemplates"))
    late = Upstream(desk, "late", "legacy", "http")
    late.stop()
    return World(desk, adapter, [Upstream(desk, "quick", "legacy", "http"), slow, late], False, patience)


FEDERATED = {"federation": federation, "stragglers": stragglers}


class Dead:
    """An upstream at an address where nobody listens."""
    name, era, over, url, command = "dead", "legacy", "http", "http://127.0.0.1:9/mcp", None

    def breaches(self):
        return []

    def stop(self):
        return None
