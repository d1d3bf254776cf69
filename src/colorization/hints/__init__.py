"""Colours that a user gives at some places: simulated, suggested, drawn, kept in a file.

As a tensor hints are (B,3,H,W): a and b in CIE units, 0 where there is no hint, and a mask, 0 or 1.
"""
