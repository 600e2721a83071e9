"""Reports as HTML: one file with its style and its drawings, which needs no network and no script.

Belongs here: elements, drawings in SVG, the style sheet, the writer of each kind of block.
Never here: what a report tells. Text is escaped in one place, `elements`.
May be imported by: `reports`.
"""
