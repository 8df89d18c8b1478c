"""
Fixed point: formats from what is known of values.
"""
