// The stylesheets of pages: each is loaded when the first page comes that uses it, and is valid on such pages only.

/**
 * Let exactly these stylesheets be valid, beside that of all pages, and return when they are there.
 * Their order is that of the document, whichever page came first.
 * @param {string[]} names
 */
export async function useStyles(names) {
  /** @type {NodeListOf<HTMLLinkElement>} */
  const links = document.querySelectorAll("link[data-style]");
  await Promise.all([...links].map((link) => {
    const isUsed = names.includes(link.dataset["style"] ?? "");
    link.media = isUsed ? "all" : "not all";
    return isUsed && link.disabled ? load(link) : undefined;
  }));
}

/** Load one; a page without it is better than none. @param {HTMLLinkElement} link */
function load(link) {
  return new Promise((resolve) => {
    for (const end of ["load", "error"]) link.addEventListener(end, resolve, { once: true });
    link.disabled = false;
  });
}
