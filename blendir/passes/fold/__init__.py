"""
Batch normalization and scales folded into weights and thresholds.
"""
