"""Write the page of a finding."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from glowback_trio.testing.sim.timeline.columns import columns
from glowback_trio.testing.sim.timeline.labels import place_of, short_names, short_text
from glowback_trio.testing.sim.timeline.picture import picture
from glowback_trio.testing.sim.timeline.rows import rows
from glowback_trio.testing.sim.timeline.story import Story, marks, replay_call
from glowback_trio.testing.sim.timeline.style import PAGE_STYLE

__all__ = ["page"]

# Buttons show only where they work.
_SCRIPT = """
for (const button of document.querySelectorAll("button")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.onclick = async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_REPLAY = "Give replay() your scenario, and its check as check=… where it has one."
_KEY = (
    ('<circle class="step" cx="9" cy="9" r="7"/>', "a task runs, then waits"),
    ('<rect class="step" x="2" y="2" width="14" height="14"/>', "a task runs and ends"),
    (
        '<path style="fill:var(--mark)" d="M9 0l9 9l-9 9l-9 -9z"/>',
        "differs from the default",
    ),
    ('<path class="bars" d="M3 2h4v14h-4zM11 2h4v14h-4z"/>', "never ends"),
    ('<path class="way" d="M0 4L18 14"/>', "who runs next"),
    ('<path class="part" d="M9 0V18"/>', "the rounds part"),
)


def page(story: Story) -> str:
    """Return a document that needs nothing else."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{escape(story.head)}</title><style>{PAGE_STYLE}</style></head><body><main>",
            *_body(story),
            f"</main><script>{_SCRIPT}</script></body></html>\n",
        ]
    )


def _body(story: Story) -> Iterator[str]:
    yield f'<span class="kind">✕ {escape(story.failing.ended)}</span>'
    yield f"<h1>{escape(story.head)}</h1>"
    if story.message:
        yield f"<pre>{escape(short_text(story.message))}</pre>"
    yield from _choices(story)
    yield "<h2>Lanes</h2>"
    yield f'<div class="lanes" tabindex="0">{picture(story)}</div>'
    yield '<ul class="key">' + "".join(map(_key, _KEY)) + "</ul>"
    yield from _waits(story)
    yield "<h2>Replay it</h2>"
    yield f'<p class="note">{_REPLAY}</p>'
    yield _copied(replay_call(story.token, story.failing.ended))
    yield '<p class="note">The token alone:</p>'
    yield _copied(story.token)
    yield "<h2>Step by step</h2>"
    yield f'<div class="rows">{rows(story, columns(story))}</div>'


def _key(entry: tuple[str, str]) -> str:
    shape, meaning = entry
    return f'<li><svg width="18" height="18" aria-hidden="true">{shape}</svg>{meaning}</li>'


def _choices(story: Story) -> Iterator[str]:
    yield "<h2>What differs from the default order</h2>"
    if not story.choices:
        yield "<p>Nothing: it happens every time.</p>"
        return
    letters = marks(story)
    yield '<ol class="choices">'
    for each in story.choices:
        effect = escape(short_text(each.effect))
        effect = effect and f'<div class="where">It {effect}</div>'
        yield (
            f'<li><span class="letter">{letters[each.step]}</span>'
            f"<div>{escape(each.sentence)}{effect}</div></li>"
        )
    yield "</ol>"


def _waits(story: Story) -> Iterator[str]:
    if not story.failing.waits:
        return
    names = short_names(story.failing)
    yield "<h2>Who waits at the end, and for whom</h2>"
    yield '<ul class="waits">'
    for wait in story.failing.waits:
        name = names.get(wait.task, wait.name)
        place = place_of(wait.place)
        whom = ", ".join(names.get(each, f"task {each}") for each in wait.tasks)
        whom = f" waits for <strong>{escape(whom)}</strong>" if whom else " waits"
        code = f'<code class="line">{escape(place.code)}</code>' if place.code else ""
        yield (
            f"<li><strong>{escape(name)}</strong>{whom}"
            f'<div class="where">at {escape(place.text)}</div>{code}</li>'
        )
    yield "</ul>"


def _copied(text: str) -> str:
    return (
        f'<div class="copy"><pre>{escape(text)}</pre>'
        '<button type="button" hidden>Copy</button></div>'
    )
