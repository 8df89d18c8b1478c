"""
Processes and streams out of operations on tensors.
"""
