"""
What values tensors can hold, and which of them matter: one rule for each class of operations.
"""
