"""A compositor that asks widgets only for the lines that are drawn anew.

Textual's own asks every widget in sight for all of its lines, however few cells changed; that is a third of what a key
costs.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class NarrowCompositor(Compositor):
    """Renders the rows of a crop, from the front back to the widget that hides all behind it."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Regions, clips and strips of the widgets that have cells within the crop, front to back."""
        if crop is None:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            if not shown.overlaps(crop):
                continue
            rows = shown.intersection(Region(shown.x, crop.y, shown.width, crop.height))
            yield region, rows, widget.render_lines(rows.translate((-region.x, -region.y)))
            if rows.contains_region(crop):
                return
