# SPDX-License-Identifier: Apache-2.0
"""What Sluice fails today, by the title of the case, with a sentence that says why. One that passes fails the run."""

KNOWN = {}
