"""How numbers are written in the report."""

from lab.analysis import Interval


def micro(value: Interval) -> str:
    """Write microseconds with their interval."""
    return f"{value.value:.0f} µs ({value.low:.0f} to {value.high:.0f})"


def percent(share: float) -> str:
    """Write a share; what is not quite nothing is not written as nothing."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{share * 100:.3g} %"


def percent_interval(value: Interval) -> str:
    """Write a share with its interval."""
    spread = "" if value.low == value.high else f" ({percent(value.low)} to {percent(value.high)})"
    return f"{percent(value.value)}{spread}"


def seconds(value: float) -> str:
    """Write seconds, or milliseconds if it is less than one."""
    return f"{value * 1e3:.0f} ms" if value < 1 else f"{value:.0f} s"


def two_digits(value: float) -> str:
    """Write a number with the two digits that count, and without an exponent."""
    return f"{float(f'{value:.2g}'):g}"


def octets(value: float) -> str:
    """Write a number of bytes."""
    return f"{value:,.0f} B"
