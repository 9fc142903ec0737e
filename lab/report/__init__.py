"""The report: from raw results alone, the same bytes every time."""
