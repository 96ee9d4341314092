"""What stands above the rows of a part of a table, in the locators of their claims."""

from __future__ import annotations

from crlm.transcription.table import Transcript


def heading(patients: str, of: str, said: str) -> str:
    """What stands above rows, as their locators have it: patients, and the endpoint if unsaid."""
    return ", ".join(filter(None, (patients, of if of != said else "")))


def within(made: Transcript, place: str, over: str) -> Transcript:
    """Claims whose locators name the heading that the table has above their rows."""
    for claim in made.claims if over else ():
        claim["locator"] = claim["locator"].replace(f"{place}, ", f"{place}, {over}, ", 1)
    return made
