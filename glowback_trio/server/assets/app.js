// The frame of the dashboard: finds the page of an address, shows it, and ends the one before.
import { byId, clear, fill, h } from "./core/dom.js";
import { go, startNavigation } from "./core/navigation.js";
import { useStyles } from "./core/styles.js";
import { addShortcuts, showShortcuts, startShortcuts } from "./core/shortcuts.js";

/**
 * What a page is told. `params` are the parts of its path, and `signal` is aborted when the reader leaves.
 * @typedef {{ path: string, params: Record<string, string>, query: URLSearchParams, signal: AbortSignal }} Place
 */
/** @typedef {{ show: (root: HTMLElement, place: Place) => Promise<void> }} PageModule */

/** @type {[RegExp, string, string, string[]][]} path, module, title, stylesheets */
const PAGES = [
  [/^\/$/, "runs", "Runs", ["table", "runs"]],
  [/^\/ui\/runs\/(?<id>[^/]+)$/, "run", "Run", ["table", "charts", "run"]],
  [/^\/ui\/new$/, "new_run", "New run", ["forms"]],
  [/^\/ui\/compare$/, "compare", "Compare", ["charts", "run"]],
  [/^\/ui\/optimizations$/, "optimizations", "Optimizations", ["forms"]],
  [/^\/ui\/optimizations\/new$/, "new_optimization", "New optimization", ["forms"]],
  [/^\/ui\/optimizations\/(?<id>[^/]+)$/, "optimization", "Optimization", ["charts", "forms"]],
  [/^\/ui\/data$/, "data", "Data", ["charts", "forms"]],
  [/^\/ui\/api$/, "api_routes", "API", []],
];

/** @param {string} path */
const plain = (path) => path.replace(/^\/v1(?=\/|$)/, "").replace(/(?<=.)\/$/, "") || "/";

/** @param {string} path */
const find = (path) => PAGES.find(([pattern]) => pattern.test(plain(path)));

let leaving = new AbortController();

/** @param {URL} url */
async function showPage(url) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving, path = plain(url.pathname), root = byId("page");
  const [pattern, name, title, styles] = find(url.pathname) ?? [/^/, "", "Page not found", []];
  const params = Object.fromEntries(Object.entries(pattern.exec(path)?.groups ?? {})
    .map(([key, value]) => [key, decodeURIComponent(value)]));
  document.title = `${title} · GlowBack Trio`;
  markPlace(path);
  clear(root);
  try {
    /** @type {[PageModule, void]} */
    const [page] = await Promise.all([import(`./pages/${name}.js`), useStyles(styles)]);
    if (signal.aborted) return;
    await page.show(root, { path, params, query: url.searchParams, signal });
  } catch (error) {
    if (!signal.aborted) fill(root, h("h1", {}, title), h("p", { class: "problem", role: "alert" }, problem(error)));
  }
}

/** @param {unknown} error */
function problem(error) {
  if (!(error instanceof Error)) return String(error);
  return error instanceof TypeError ? `This page cannot be shown: ${error.message}` : error.message;
}

/** @param {string} path */
function markPlace(path) {
  for (const link of document.querySelectorAll("header nav a")) {
    const target = link.getAttribute("href") ?? "";
    const here = target === "/" ? path === "/" || path.startsWith("/ui/runs") : path.startsWith(target);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** A reader who has followed a link goes on reading at the heading of its page. @param {URL} url */
async function moveTo(url) {
  await showPage(url);
  scrollTo(0, 0);
  const heading = document.querySelector("#page h1");
  if (!(heading instanceof HTMLElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

startShortcuts();
addShortcuts({
  g: { says: "go to the runs", act: () => go("/") },
  n: { says: "begin a new run", act: () => go("/ui/new") },
});
byId("show-keys").addEventListener("click", showShortcuts);
startNavigation((path) => find(path) !== undefined, moveTo);
showPage(new URL(location.href));
