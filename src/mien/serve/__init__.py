"""The HTTP server and its monitoring, feedback and retraining. Needs the extra ``serve``."""
