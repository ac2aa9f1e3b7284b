# SPDX-License-Identifier: Apache-2.0
"""What Sluice fails today, by the title of the case, with a sentence that says why. One that passes fails the run."""

STRAY = "habits: a server that says what belongs to nobody, answers to unknown ids among it"
TAKEN = "On the stream of a POST the first response is taken for the answer, whatever its id."
UNSAID = "habits: a modern server that does not say resultType"
PASSED_ON = "Within one era results are passed on as they are."

KNOWN = {
    **{f"{UNSAID} [modern client, modern server, {over}]": PASSED_ON for over in ("stdio", "http")},
    **{f"{STRAY} [{client} client, {server} server, http]": TAKEN for client in ("legacy", "modern") for server in ("legacy", "modern")},
}
