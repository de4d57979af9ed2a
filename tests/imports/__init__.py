"""What an import request can ask, on a real database: attempts run in the test's own process, so that it can stand anywhere."""
