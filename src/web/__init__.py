"""The web page: what a visitor has before them (studio), and how it is shown (page)."""
