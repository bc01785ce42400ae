"""Where a LiteRT file says how large pictures are: LiteRT's runtime for browsers cannot resize a network.

The detector's file holds no other size that matters: what lies between input and outputs is computed anew when it is
loaded. So the page reads one file for all sizes, and writes the size wanted into its copy.
"""

from __future__ import annotations

from smiledet.errors import ModelError

SHAPE = 4
"""Place of a tensor's shape in its table (the first field of `Tensor` in LiteRT's schema)."""


def size_places(content: bytes) -> list[int]:
    """Where the heights and widths of a network's input and outputs stand, as places of little-endian int32.

    Args:
        content: A LiteRT file whose input and outputs have four dimensions.

    Raises:
        ModelError: It is no such file.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    tensors = [graph.Inputs(place) for place in range(graph.InputsLength())]
    tensors += [graph.Outputs(place) for place in range(graph.OutputsLength())]
    places = []
    for number in tensors:
        tensor = graph.Tensors(number)
        if tensor.ShapeLength() != 4:
            raise ModelError("the detector's LiteRT file has an input or output of other than four dimensions")
        first = tensor._tab.Vector(tensor._tab.Offset(SHAPE))
        places += [first + 4, first + 8]
    return places
