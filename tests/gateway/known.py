# SPDX-License-Identifier: Apache-2.0
"""What Sluice fails today, by the title of the case, with a sentence that says why. One that passes fails the run."""

RESUMED = "streams: a server's stream that breaks after an event id is resumed, and the client does not notice"
NOT_RESUMED = "Calls to an HTTP upstream are not taken up again with Last-Event-ID yet."
LOGS = ("running: log lines arrive from the level that the client chose",
        "running: a client that wants a lot of log and one that wants little get each their own")
DOUBTED = "After any cancel a shared modern child's next log lines count as nobody's, also where what was cancelled asked for none."

KNOWN = {
    **{f"{RESUMED} [{client} client, legacy server, http]": NOT_RESUMED for client in ("legacy", "modern")},
    **{f"{case} [modern client, modern server, stdio]": DOUBTED for case in LOGS},
}
