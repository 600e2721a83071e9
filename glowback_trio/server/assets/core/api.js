// Requests to the server that this page came from.
import { apiKey, askForKey } from "./keys.js";

const ROOT = "/v1";

/** What a server answered that did not do what it was asked; status 0: it cannot be reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code such as `run_not_found`
   * @param {string} message a sentence for people
   * @param {any} details the problems of a request that is invalid: `[{type, loc, msg, input}]`
   */
  constructor(status, code, message, details = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** @typedef {{ signal?: AbortSignal, headers?: Record<string, string> }} Options */

/**
 * Get a document.
 * @param {string} path such as `/backtests?limit=10`
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function get(path, options) {
  return (await send("GET", path, undefined, options)).json();
}

/**
 * Get documents page by page, as `Link` headers lead from one to the next.
 * @param {string} path
 * @param {Options} [options]
 * @returns {AsyncGenerator<any[]>}
 */
export async function* pages(path, options) {
  for (let next = path; next; ) {
    const response = await send("GET", next, undefined, options);
    yield await response.json();
    next = /^<(?:\/v1)?([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1] ?? "";
  }
}

/**
 * Post a document, or nothing.
 * @param {string} path
 * @param {any} [body]
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function post(path, body, options) {
  return (await send("POST", path, body, options)).json();
}

/**
 * Change a part of what has this path.
 * @param {string} path
 * @param {any} body
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function patch(path, body, options) {
  return (await send("PATCH", path, body, options)).json();
}

/**
 * Delete what has this path.
 * @param {string} path
 * @param {Options} [options]
 */
export async function del(path, options) {
  await send("DELETE", path, undefined, options);
}

/**
 * Send a request, with a key if the server wants one; strings, files and blobs are sent as they are.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {Options} [options]
 * @returns {Promise<Response>} a response with a status below 300
 * @throws {ApiError}
 */
export async function send(method, path, body, { signal, headers = {} } = {}) {
  const raw = typeof body === "string" || body instanceof Blob;
  for (;;) {
    const key = apiKey();
    /** @type {Record<string, string>} */
    const all = { ...(key ? { Authorization: `Bearer ${key}` } : {}), ...headers };
    if (body !== undefined && !raw) all["Content-Type"] ??= "application/json";
    const content = body === undefined || raw ? body : JSON.stringify(body);
    const response = await fetch(ROOT + path, { method, headers: all, body: content, signal }).catch(unreachable);
    if (response.ok) return response;
    if (response.status !== 401 || !(await askForKey(key))) throw await failure(response);
  }
}

/**
 * @param {Error} error
 * @returns {never}
 */
function unreachable(error) {
  if (error.name === "AbortError") throw error;
  throw new ApiError(0, "unreachable", "The server cannot be reached: it may be restarting.");
}

/** @param {Response} response */
async function failure(response) {
  const { error } = await response.json().catch(() => ({}));
  const { code = "unknown", message = response.statusText, details = null } = error ?? {};
  return new ApiError(response.status, code, message, details);
}

/**
 * Save what a path returns as a file; a plain link could not send a key.
 * @param {string} path
 * @param {string} name of the file
 * @param {Options} [options]
 */
export async function download(path, name, options) {
  const url = URL.createObjectURL(await (await send("GET", path, undefined, options)).blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
