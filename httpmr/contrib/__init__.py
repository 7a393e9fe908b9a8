"""What httpmr has for one framework, or one engine, each in a module named for it.

Nothing is imported here: each needs a library that others do not.
"""
