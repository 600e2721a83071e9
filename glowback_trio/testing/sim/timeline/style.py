"""How the page and the picture look, by day and by night."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT", "PAGE_STYLE", "PICTURE_STYLE"]

# Every colour in which something is written has a contrast of at least 4.5 to `paper` and `panel`.
LIGHT = {
    "paper": "#ffffff",
    "panel": "#f3f5f8",
    "ink": "#18212b",
    "soft": "#52606d",
    "line": "#c3ccd6",
    "bad": "#b3201b",
    "good": "#17663a",
    "mark": "#7a1fa2",
    "on": "#ffffff",
}
DARK = {
    "paper": "#10151b",
    "panel": "#19212a",
    "ink": "#e8eef4",
    "soft": "#a3b1bf",
    "line": "#3d4a58",
    "bad": "#ff938a",
    "good": "#74d69d",
    "mark": "#e0a3ff",
    "on": "#10151b",
}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_COLOURS = (
    f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
)

_MARKS = """
text{font:12px system-ui,sans-serif;fill:var(--ink)}
.line{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.soft{fill:var(--soft);font-size:11px}
.title{font-weight:600;font-size:13px}
.bad{fill:var(--bad)}.good{fill:var(--good)}.mark{fill:var(--mark)}
.on{fill:var(--on);font-weight:700;text-anchor:middle}
.mid{text-anchor:middle}
.alive{stroke:var(--line);stroke-width:2}
.way{stroke:var(--soft);stroke-width:1.5;fill:none;stroke-linejoin:round}
.step{fill:var(--ink);stroke:var(--paper);stroke-width:2}
.passing .step{fill:var(--good)}
.wait{stroke:var(--bad);stroke-width:2;stroke-dasharray:2 4}
.bars{fill:var(--bad)}
.part{stroke:var(--mark);stroke-width:1.5;stroke-dasharray:6 4}
.gap{fill:var(--panel)}
"""

PICTURE_STYLE = f"{_COLOURS}.paper{{fill:var(--paper)}}{_MARKS}"

PAGE_STYLE = f"""{_COLOURS}{_MARKS}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}}
main{{max-width:78rem;margin:0 auto;padding:1.5rem 1rem 4rem}}
h1{{font-size:1.5rem;line-height:1.25;margin:.25rem 0;overflow-wrap:anywhere}}
h2{{font-size:1.1rem;margin:2.2rem 0 .5rem}}
.kind{{display:inline-block;border:2px solid var(--bad);color:var(--bad);font-weight:700;
  border-radius:.4rem;padding:0 .6rem;font-size:.85rem}}
.note{{color:var(--soft);margin:.25rem 0}}
pre,code{{font:.86rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}}
pre{{background:var(--panel);border-radius:.4rem;padding:.7rem .9rem;margin:.5rem 0;
  overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}}
.copy{{position:relative}}.copy pre{{user-select:all;padding-right:5rem}}
button{{position:absolute;top:.45rem;right:.45rem;font:600 .8rem system-ui,sans-serif;
  color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:.35rem;
  padding:.2rem .6rem;cursor:pointer}}
:focus-visible{{outline:3px solid var(--mark);outline-offset:2px}}
.lanes{{display:flex;overflow-x:auto;border:1px solid var(--line);border-radius:.4rem}}
.lanes svg{{display:block;flex:none}}
.names{{position:sticky;left:0;background:var(--paper);border-right:1px solid var(--line)}}
.key{{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;color:var(--soft);font-size:.85rem;
  margin:.5rem 0;padding:0;list-style:none}}
.key svg{{vertical-align:-3px;margin-right:.35rem}}
ol.choices{{list-style:none;padding:0;margin:.5rem 0}}
ol.choices li{{display:flex;gap:.6rem;margin:.5rem 0}}
.letter{{flex:none;width:1.7rem;height:1.7rem;border-radius:.3rem;background:var(--mark);
  color:var(--on);font-weight:700;text-align:center;line-height:1.7rem}}
.where{{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}}
.waits{{display:grid;gap:.5rem;padding:0;margin:.5rem 0;list-style:none}}
.waits li{{border-left:4px solid var(--bad);background:var(--panel);border-radius:0 .4rem .4rem 0;
  padding:.5rem .8rem;overflow-wrap:anywhere}}
code.line{{display:block;overflow-wrap:anywhere}}
.rows{{border-top:1px solid var(--line)}}
.row{{display:grid;grid-template-columns:4.6rem 1fr 1fr;gap:0 1rem;padding:.35rem .25rem;
  border-bottom:1px solid var(--line)}}
.row>*{{min-width:0;overflow-wrap:anywhere}}
.row>.both{{grid-column:span 2}}
.number{{color:var(--soft);font-variant-numeric:tabular-nums;font-size:.85rem}}
.number b{{overflow-wrap:normal;color:var(--ink);display:block;font-size:1rem}}
.deviates{{border-left:4px solid var(--mark);padding-left:.6rem}}
.deviates b::before{{content:"◆ ";color:var(--mark)}}
.parting{{border-top:3px dashed var(--mark)}}
.headrow{{font-weight:600;position:sticky;top:0;background:var(--paper);z-index:1}}
.bad{{color:var(--bad)}}.good{{color:var(--good)}}
details{{border-bottom:1px solid var(--line)}}
summary{{padding:.5rem .25rem;color:var(--soft);cursor:pointer}}
.inside{{max-height:26rem;overflow-y:auto;padding-left:1rem}}
.side{{display:none}}.same{{color:var(--soft)}}
@media (max-width:44rem){{
  .row{{grid-template-columns:4rem 1fr;gap:.3rem .6rem}}
  .row>.both{{grid-column:2}}
  .row>.other{{grid-column:2}}
  .headrow,.same{{display:none}}
  .side{{display:inline;font-size:.8rem;font-weight:600}}
  h1{{font-size:1.25rem}}
  .copy pre{{padding-top:2.6rem;padding-right:.9rem}}
}}
"""
