"""What a check of fields found wrong, without the words of the library that found it."""

from __future__ import annotations

import re

_SUBJECT = re.compile("^(Input|String|List|Dictionary) should")
_BOUND = re.compile("(less|greater) than or equal to ")
_BOUNDS = {"less": "most", "greater": "least"}
_FORMS = {  # what a value must be that could not be read
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "uuid_parsing": "must be an id, as tasks and uploads have one",
    "date_from_datetime_parsing": "must be a date, written YYYY-MM-DD",
}


def problem(message: str, kind: str, where: str) -> str:
    """The message of a `pydantic` error of this type; `where`: what the fields are of, such as "this request"."""
    if kind == "extra_forbidden":
        return f"is not a field of {where}"
    if kind == "missing":
        return "is missing"
    if kind in _FORMS:
        return _FORMS[kind]
    message = message.removeprefix("Value error, ")  # the library's word for what a validator of ours said
    return _BOUND.sub(lambda bound: f"at {_BOUNDS[bound[1]]} ", _SUBJECT.sub("must", message))
