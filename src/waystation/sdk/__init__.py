"""What the author of a kind imports."""

from waystation.sdk.conditions import condition
from waystation.sdk.context import Context
from waystation.sdk.effects import Effect
from waystation.sdk.filling import NewBatch
from waystation.sdk.kind import Kind, Look, task
from waystation.sdk.layout import Layout
from waystation.sdk.retry import Retry
from waystation.sdk.rows import Row
from waystation.sdk.steps import Checkpoint, Steps
from waystation.storage.reading import Question
from waystation.storage.sorting import Order

__all__ = [
    "Checkpoint",
    "Context",
    "Effect",
    "Kind",
    "Layout",
    "Look",
    "NewBatch",
    "Order",
    "Question",
    "Retry",
    "Row",
    "Steps",
    "condition",
    "task",
]
