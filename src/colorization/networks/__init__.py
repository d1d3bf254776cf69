"""Networks from scaled lightness to raw output, one file a family."""
