"""Reads the arrays of joblib's files, which are pickles, without running anything that such a file names.

A pickle names functions and classes, and calls them while it is read. Here three names are known, and each stands for
something that does nothing but keep what the file says. Any other name is refused before it is looked up.
"""

from __future__ import annotations

import math
import pickle
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class ArrayReader(pickle.Unpickler):
    """Reads a list of little-endian float32 arrays, each written behind what is said of it.

    Args:
        data: The file, decompressed.
    """

    def __init__(self, data: bytes) -> None:
        file = BytesIO(data)
        super().__init__(file)

        class Array:
            """In the place of joblib's class; its values follow in the file."""

            def __setstate__(self, said: dict[str, Any]) -> None:
                self.values = _values(file, said)

        self._array = Array
        self._known: dict[tuple[str, str], Any] = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): Array,
            ("numpy", "dtype"): _Dtype,
            ("numpy", "ndarray"): None,
        }

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name.

        Raises:
            UnpicklingError: The name has no place in a file of arrays.
        """
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return self._known[module, name]

    def read(self) -> list[Floats]:
        """The arrays.

        Raises:
            ValueError: It holds something else.
        """
        try:
            found = self.load()
        except Exception as problem:  # the module's documentation: any exception may come of a damaged pickle
            raise ValueError(f"no arrays can be read: {problem}") from problem
        if not isinstance(found, list) or not all(isinstance(each, self._array) for each in found):
            raise ValueError("no arrays can be read: it is no list of arrays")
        return [each.values for each in found]

    def persistent_load(self, _name: Any) -> Any:
        """Refused as well: such objects are outside the file.

        Raises:
            UnpicklingError: Always.
        """
        raise pickle.UnpicklingError("it names an object outside the file")


class _Dtype:
    """In the place of numpy's: the kind of the values and their byte order."""

    def __init__(self, kind: str, *_copy: bool) -> None:
        self.kind = kind
        self.order = ""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


def _values(file: BytesIO, said: dict[str, Any]) -> Floats:
    """The values at which the file stands, behind joblib's padding."""
    kind, shape = said["dtype"], said["shape"]
    if (kind.kind, kind.order, said["order"]) != ("f4", "<", "C"):
        raise ValueError("an array is not of float32")
    file.seek(file.read(1)[0], 1)
    size = 4 * math.prod(shape)
    data = file.read(size)
    if len(data) != size:
        raise ValueError("an array is cut off")
    values: Floats = np.frombuffer(data, "<f4").reshape(shape)
    return values
