// From page to page without loading all again: links work as links, and also without this.

/** @type {(url: URL) => void} */
let show = () => {};
/** What is shown: a change of the part after `#` alone is a move within the page. */
let shown = location.pathname + location.search;

/**
 * Follow links within the dashboard from now on.
 * @param {(path: string) => boolean} isPage whether the dashboard has a page at a path
 * @param {(url: URL) => void} showPage
 */
export function startNavigation(isPage, showPage) {
  show = (url) => {
    shown = url.pathname + url.search;
    showPage(url);
  };
  addEventListener("popstate", () => {
    if (location.pathname + location.search !== shown) show(new URL(location.href));
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !plain || event.defaultPrevented) return;
    const url = new URL(link.href, location.href);
    const within = url.pathname === location.pathname && url.hash !== "";
    if (url.origin !== location.origin || link.target || link.download || within || !isPage(url.pathname)) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}

/**
 * Show another page of the dashboard.
 * @param {string} href a path, with its query
 */
export function go(href) {
  const url = new URL(href, location.href);
  if (url.href !== location.href) history.pushState(null, "", url);
  show(url);
}

/**
 * Write what a page shows into its address, so that it can be loaded again and passed on.
 * @param {Record<string, string | null | undefined>} query nothing and "" take a name out
 */
export function note(query) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(query))
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  history.replaceState(null, "", url);
  shown = url.pathname + url.search;
}
