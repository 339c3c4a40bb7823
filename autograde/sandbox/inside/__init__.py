"""The half of the sandbox that runs inside it.

Only this folder, the learner package and the allowed packages exist there, so modules here import
nothing but the standard library, NumPy, IPython, msgpack and chainrule.
"""
