"""
What hardware makes of processes: timing, FIFOs, cost, devices, and the search for a design.
"""
