"""One claim against what was measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was expected before anything was run, what came out, and whether they agree.

    `agrees`: the claim itself holds; `numbers`: so do the figures that went with it.
    """

    claim: str
    title: str
    experiment: str
    expected: str
    found: str
    agrees: bool
    numbers: bool = True

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if not self.agrees:
            return "otherwise"
        return "as expected" if self.numbers else "holds, with other numbers"
