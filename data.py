"""Make a CSV to play with: `python data.py` writes files/datasets/data.csv with 100,000 rows of invented people."""

import argparse

from waystation.cli.people import write_people
from waystation.settings import Settings


def main() -> None:
    """Write the file and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of rows (100,000)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same file (0)")
    given = parser.parse_args()
    path = Settings.from_env().home / "datasets" / "data.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        size = write_people(file, given.rows, seed=given.seed)
    print(f"{given.rows:,} rows ({size:,} bytes) in {path}")


if __name__ == "__main__":
    main()
