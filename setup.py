"""The one part of the build that pyproject.toml can't say: the compiled parts, which are left out where no compiler is."""

from pathlib import Path

from setuptools import Extension, setup


def compiled(module: str, depends: tuple[str, ...] = ()) -> Extension:
    """An optional module of one C file, built once for Python 3.11 and all that come after it."""
    return Extension(
        module,
        sources=[f"src/{module.replace('.', '/')}.c"],
        depends=list(depends),
        define_macros=[("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=True,
        extra_compile_args=["-std=gnu11", "-O3", "-Wall", "-Wextra"],
        optional=True,
    )


setup(
    ext_modules=[
        compiled(
            "waystation.csvio._encode",
            tuple(sorted(map(str, Path("src/waystation/csvio").glob("_encode_*.h")))),
        ),
        compiled("waystation.storage._drain"),
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
