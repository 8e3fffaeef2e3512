"""What people see: rows for the page, text and pictures for everything else.

It must not decide anything about tasks, and must not import IPython.
"""
