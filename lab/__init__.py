"""The laboratory: sessions against tokens, with real processes, faults and measurements."""
