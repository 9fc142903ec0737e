"""`make bench`: the speed figures, each a ratio of two things measured in one run.

A machine's speed drifts, so no absolute figure means much: what is compared is measured in
short slices that alternate, and the median over the rounds is what counts.
"""
