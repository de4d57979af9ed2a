"""The environment variables by which a worker's supervisor tells its processes whose they are.

A module of its own, so that the supervisor and the reaper need not load all that the Celery main loads.
"""

WORKER = "WAYSTATION_WORKER"
SUPERVISOR = "WAYSTATION_SUPERVISOR"
BUILT_IN = "WAYSTATION_BUILT_IN"
