"""
The laws of `fold-bn`, one pattern each.
"""
