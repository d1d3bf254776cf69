"""The web page: a session, a studio that colours it, the layout, and what is done on the page."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is read
