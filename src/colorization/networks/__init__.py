"""Networks from scaled L to raw output, one file a family.

An objective gives the raw output its meaning; ``base`` says what every network offers.
"""
