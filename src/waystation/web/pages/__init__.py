"""The pages: one module for each, all server-rendered; what needs a script works without one too."""
