// Lightweight Charts, loaded when the first chart is drawn, and a chart in the colours of the page.

import { colour, onScheme } from "./colours.js";

/** @type {Promise<any> | undefined} */
let loading;

/** Load the bundle once; it is a plain script that leaves a global behind. */
export function loadCharts() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/assets/vendor/lightweight-charts.js";
    script.onload = () => resolve(/** @type {any} */ (window).LightweightCharts);
    script.onerror = () => {
      loading = undefined;
      script.remove();
      reject(new Error("The charts could not be loaded: reload the page"));
    };
    document.head.append(script);
  });
  return loading;
}

/** The look of a chart, which follows the scheme of the page. */
function look() {
  return {
    layout: {
      background: { color: "transparent" },
      textColor: colour("quiet"),
      fontFamily: "system-ui, sans-serif",
      attributionLogo: false, // it brings a style element, which the page's policy forbids; the footer has it
      panes: { separatorColor: colour("line"), separatorHoverColor: colour("line"), enableResize: false },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("line", 0.6) } },
    rightPriceScale: { borderVisible: false },
    timeScale: { borderColor: colour("line") },
    crosshair: {
      mode: 0,
      vertLine: { color: colour("quiet", 0.6), labelBackgroundColor: colour("quiet") },
      horzLine: { color: colour("quiet", 0.6), labelBackgroundColor: colour("quiet") },
    },
  };
}

/**
 * Make an empty chart that fills its element, until the signal is aborted.
 * @param {HTMLElement} element
 * @param {{signal: AbortSignal, onLook: () => void, intraday?: boolean}} options
 */
export async function openChart(element, { signal, onLook, intraday = false }) {
  const charts = await loadCharts();
  signal.throwIfAborted();
  const chart = charts.createChart(element, {
    ...look(),
    autoSize: true,
    // A finger that moves up or down scrolls the page; the wheel does, too, unless it zooms with Ctrl.
    handleScroll: { vertTouchDrag: false, mouseWheel: false },
    handleScale: { mouseWheel: false, axisPressedMouseMove: { time: true, price: false } },
    localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
  });
  // Fixed edges keep a drag inside the data; so small a spacing lets four points share a pixel.
  chart.timeScale().applyOptions({
    minBarSpacing: 0.05, fixLeftEdge: true, fixRightEdge: true, timeVisible: intraday, secondsVisible: false,
  });
  const repaint = () => { chart.applyOptions(look()); onLook(); };
  onScheme(repaint, signal);
  signal.addEventListener("abort", () => chart.remove(), { once: true });
  return { chart, charts };
}
