"""A class: made as a sample, graded, kept as results, shown in nbgrader's gradebook."""
