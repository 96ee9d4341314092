"""Disclosure control: what of a report may leave the house, and an attack that tries it.

The rules, what they promise and what they do not: `docs/privacy.md`.
"""

from crlm.privacy.grids import refuse_close
from crlm.privacy.release import Release
from crlm.privacy.wording import plainest, told

__all__ = ["Release", "plainest", "refuse_close", "told"]
