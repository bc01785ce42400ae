"""What a person sees: annotated copies of frames, and sheets of them."""

from smiledet.drawing.annotate import annotate
from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.drawing.stats import StatsLine

__all__ = ["StatsLine", "annotate", "contact_sheet"]
