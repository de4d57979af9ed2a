"""The one part of the build that pyproject.toml can't say: the compiled encoder, which is left out where no compiler is."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "waystation.csvio._encode",
            sources=["src/waystation/csvio/_encode.c"],
            depends=[f"src/waystation/csvio/_encode_{part}.h" for part in ("output", "pass", "scan", "types")],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],  # one build for 3.11 and all that come after it
            py_limited_api=True,
            extra_compile_args=["-std=gnu11", "-O3", "-Wall", "-Wextra"],
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
