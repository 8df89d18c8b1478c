"""
SystemVerilog: a backend for FPGAs and its simulation.
"""
