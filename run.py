"""Run the worker: `python run.py`, beside `flask run`. The same as `waystation worker`."""

from waystation.cli import cli

if __name__ == "__main__":
    cli(["worker"], prog_name="waystation")
