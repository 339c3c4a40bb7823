"""Named attacks on the grader, over its five promises. `make attacks` runs them all.

Each attack is an entry in `points`, `leaks`, `harm`, `lost` or `uncertain`: what it hands in, what
success would look like, and a function that decides from outside whether it succeeded. Attackers
are graded in classes that also hold honest learners, whose results must be what they are alone.
"""
