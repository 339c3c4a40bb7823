"""What people read when grading is done: feedback, the class at a glance, and exports."""
