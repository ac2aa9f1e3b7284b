# SPDX-License-Identifier: Apache-2.0
"""What Sluice fails today, by the title of the case, with a sentence that says why. One that passes fails the run."""

RESUMED = "streams: a server's stream that breaks after an event id is resumed, and the client does not notice"
NOT_RESUMED = "Calls to an HTTP upstream are not taken up again with Last-Event-ID yet."
LOGS = ("running: log lines arrive from the level that the client chose",
        "running: a client that wants a lot of log and one that wants little get each their own")
AT_START = "habits: a server that asks for the roots at the start of its session"
TOO_EARLY = "A question that comes before the first call of a bridged session is refused."
BETWEEN = "habits: a call that asks nothing does not come between a question and its call, while their session opens"
JOINED = "A call may join a session that is opening for one that asks, and then the question could be either's."
DOUBTED = "After any cancel a shared modern child's next log lines count as nobody's, also where what was cancelled asked for none."

KNOWN = {
    **{f"{RESUMED} [{client} client, legacy server, http]": NOT_RESUMED for client in ("legacy", "modern")},
    **{f"{AT_START} [modern client, legacy server, {over}]": TOO_EARLY for over in ("stdio", "http")},
    f"{BETWEEN} [modern client, legacy server, stdio]": JOINED,
    **{f"{case} [modern client, modern server, stdio]": DOUBTED for case in LOGS},
}
