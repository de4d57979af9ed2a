"""What _drain.c offers."""

def drain(
    get: int, free: int, connection: int, delimiter: int, numbers: int, most: int, ordering: bool, /
) -> tuple[bytes, int, tuple[int, int], int]:
    """Rows without their numbers, how many, the numbers of the last one, and 0: more may come, 1: that was all, 2: broken."""
