"""Measure a live curve in a browser: a million points, then fifty updates a second.

    python benchmarks/live_curve.py [--points N] [--rate N] [--seconds S]

The chart is that of the page of a run: value, drawdown and exposure. Frames are those that the
page is given by the browser; the main thread's share is its processor time, which holds on a busy
machine, too. The browser draws without a graphics processor.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import Any

from dashboard import CHROMIUM, browsing
from servers import OURS, opened

PREPARE = """async ({ points }) => {
  const { curveChart } = await import("/assets/charts/curve.js");
  const { colour } = await import("/assets/charts/colours.js");
  const root = document.getElementById("page"), format = (value) => value.toFixed(1);
  root.replaceChildren();
  const series = (name, column, kind, paint) =>
    [{ name, column, kind, colour: () => colour(paint) }];
  const chart = await curveChart(root, {
    title: "Account", label: "Account", signal: new AbortController().signal, time: String,
    watched: [1, 2],
    panes: [
      { series: series("value", 1, "area", "accent"), share: 3, format },
      { series: series("drawdown", 2, "fall", "bad"), format },
      { series: series("exposure", 3, "fall", "good"), format },
    ],
  });
  let at = 1e9, value = 1e6, peak = 1e6, seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const row = () => {
    at += 60;
    value *= 1 + (random() - 0.4999) * 0.001;
    peak = Math.max(peak, value);
    return [at, value, 100 * (value / peak - 1), 100 * random()];
  };
  const began = performance.now();
  for (let done = 0; done < points; done += 10_000) {
    chart.append(Array.from({ length: 10_000 }, row));
    await new Promise(requestAnimationFrame);
  }
  window.update = () => chart.append([row()]);
  window.held = () => [chart.live.received, chart.live.rows.length, root.clientWidth];
  return performance.now() - began;
}"""
FEED = """async ({ rate, seconds }) => {
  let frames = 0, updates = 0, last = 0, worst = 0, over = false;
  const frame = (now) => {
    if (over) return;
    frames += 1;
    if (last) worst = Math.max(worst, now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const began = performance.now(), until = began + 1000 * seconds;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(seconds * rate, Math.floor(((performance.now() - began) * rate) / 1000));
      for (; updates < due; updates += 1) window.update();
      if (performance.now() >= until) { clearInterval(timer); resolve(); }
    }, 1000 / rate);
  });
  over = true;
  const took = (performance.now() - began) / 1000;
  return { frames: frames / took, updates: updates / took, worst };
}"""


def busy_s(session: Any) -> tuple[float, float]:
    """Return the processor time of the page's main thread, and the time, in seconds."""
    found = {
        each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]
    }
    return found["TaskDuration"], found["Timestamp"]


def measure(browser: Any, url: str, points: int, rate: int, seconds: int) -> None:
    """Feed a chart and print how it was."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{url}/ui/api", wait_until="networkidle")
    took_ms = page.evaluate(PREPARE, {"points": points})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    busy, began = busy_s(session)
    seen = page.evaluate(FEED, {"rate": rate, "seconds": seconds})
    busy_after, ended = busy_s(session)
    received, shown, pixels = page.evaluate("() => window.held()")
    share = (busy_after - busy) / (ended - began)
    print(f"{received:,} points, of which {shown:,} are held for {pixels:,} pixels")
    print(f"  the first {points:,} in {took_ms / 1000:.1f} s")
    print(f"  {seen['updates']:.1f} updates a second")
    print(f"  {seen['frames']:.1f} frames a second   (target: at least 50)")
    print(f"  the longest frame {seen['worst']:.0f} ms")
    print(f"  main thread: {share:.1%} of a core   (target: at most 50 %)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    if not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None:
        raise SystemExit(f"There is no {CHROMIUM}, or playwright is not installed")
    cores = os.sched_getaffinity(0)
    with opened("ours", OURS) as served:
        os.sched_setaffinity(0, cores)  # a browser is several processes
        with browsing() as opened_browser:
            measure(
                opened_browser,
                f"http://127.0.0.1:{served.port}",
                options.points,
                options.rate,
                options.seconds,
            )
