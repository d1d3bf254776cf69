"""Colours that a user gives at some places: read, simulate, encode, propagate and suggest them.

As a tensor hints are (B,3,H,W): a and b in CIE units, 0 where there is no hint, and a mask, 0 or 1.
"""
