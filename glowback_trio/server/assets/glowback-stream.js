// The events of a log in a browser: each once and in order, over as many connections as it takes.
//
//   import { streamRun, streamOptimization } from "/glowback-stream.js";
//   for await (const event of streamRun(location.origin, runId)) console.log(event.payload);

const FIRST_DELAY_MS = 250, LONGEST_DELAY_MS = 5000, WEBSOCKET_ATTEMPTS = 3;

/** An error that another attempt would not mend: a rejection, or events that are not the log. */
export class StreamError extends Error {}

/**
 * Yield a run's events, parsed, up to the terminal one, reconnecting until `signal` is aborted.
 *
 * after: only events with higher ids. types: only these, and the terminal one. apiKey: sent in a header, or
 * exchanged for the ticket of a WebSocket. transport: "websocket", or "sse" where a WebSocket cannot connect.
 * onConnection: called with "open" whenever a connection stands, and with "cut" whenever one breaks or fails.
 *
 * A log received from its first event on is checked against the digest in its last one. Browsers can compute
 * digests on https and localhost only; elsewhere, and for parts of a log, order and count are checked.
 */
export async function* streamRun(base, runId, options) {
  yield* streamLog(base, `backtests/${runId}`, {}, options);
}

/** Yield the events of an optimization's attempt, as for a run. attempt: its number; left out, the newest one's. */
export async function* streamOptimization(base, optimizationId, { attempt, ...options } = {}) {
  const path = `optimizations/${optimizationId}`, { signal } = options;
  // Named, so that a connection that is resumed goes on with the same log.
  attempt ??= (await (await request(`${base}/v1/${path}`, { headers: keyed(options), signal })).json()).attempt;
  yield* streamLog(base, path, { attempt }, options);
}

async function* streamLog(base, path, place, options = {}) {
  const { after = 0, types, signal, onConnection = () => {} } = options, headers = keyed(options);
  let { transport = "websocket" } = options;
  const received = after === 0 && !types && globalThis.crypto?.subtle ? [] : null;
  let cursor = after, delay = FIRST_DELAY_MS, failures = 0;
  for (;;) {
    try {
      signal?.throwIfAborted();
      const connect = transport === "sse" ? overFetch : overWebSocket;
      for await (const text of connect(`${base}/v1`, path, { cursor, types, place }, { headers, signal, onConnection })) {
        const event = JSON.parse(text), { event_id: id, type, payload } = event;
        if (types ? id <= cursor : id !== cursor + 1) throw new StreamError(`event ${id} came after event ${cursor}`);
        const ended = type === "state" && ["completed", "failed", "cancelled"].includes(payload.state);
        if (ended) await checkEnd(event, received);
        received?.push(text);
        [cursor, delay] = [id, FIRST_DELAY_MS];
        yield event;
        if (ended) return;
      }
      if (after > 0 && cursor === after) return; // after the terminal event there is nothing
      throw new StreamError(`the stream ended after event ${cursor}, before the log did`);
    } catch (error) {
      if (error instanceof StreamError) throw error;
      signal?.throwIfAborted();
      onConnection("cut");
      if (cursor === after && ++failures >= WEBSOCKET_ATTEMPTS) transport = "sse";
    }
    await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)));
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

/**
 * Yield what becomes of all runs and optimizations, parsed, until `signal` is aborted.
 *
 * It begins with { type: "reset" }: then read the lists, and take each change as what has become of its run since.
 * Another reset comes where the server cannot tell what has changed, such as after its restart. Over lost connections
 * it goes on where it was. types: only these changes, and a reset. apiKey, transport, onConnection: as for runs.
 */
export async function* streamChanges(base, options = {}) {
  const { types, signal, onConnection = () => {} } = options, headers = keyed(options);
  let { transport = "websocket" } = options, delay = FIRST_DELAY_MS, failures = 0, cursor, epoch;
  for (;;) {
    try {
      signal?.throwIfAborted();
      const connect = transport === "sse" ? overFetch : overWebSocket;
      for await (const text of connect(`${base}/v1`, "changes", { cursor, types, place: { epoch } }, { headers, signal, onConnection })) {
        const change = JSON.parse(text);
        if (change.type === "reset") epoch = change.payload.epoch;
        [cursor, delay] = [change.event_id, FIRST_DELAY_MS];
        yield change;
      }
    } catch (error) {
      if (error instanceof StreamError) throw error;
      signal?.throwIfAborted();
      if (cursor === undefined && ++failures >= WEBSOCKET_ATTEMPTS) transport = "sse";
    }
    onConnection("cut");
    await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)));
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

async function checkEnd({ event_id: id, payload: { event_count: count, digest } }, received) {
  if (count !== id) throw new StreamError(`event ${id} ends a log of ${count} events`);
  if (received === null) return;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(received.join("\n")));
  const hex = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (digest !== `sha256:${hex}`)
    throw new StreamError(`the digest of the received events is sha256:${hex}, not ${digest}`);
}

async function* overWebSocket(root, path, { cursor, types, place }, options) {
  const hasKey = "Authorization" in options.headers; // a header, which a WebSocket of a browser cannot send
  const { headers, signal } = options;
  const requestTicket = () => request(`${root}/stream-tickets`, { method: "POST", headers, signal });
  const ticket = hasKey && (await (await requestTicket()).json()).ticket;
  const url = `${root.replace(/^http/, "ws")}/${path}/stream?${query({ last_event_id: cursor, ...place, types })}`;
  const socket = new WebSocket(url, ticket ? ["glowback.v1", `ticket.${ticket}`] : []);
  const inbox = [];
  let wake = () => {};
  const receive = (event) => { inbox.push(event); wake(); };
  socket.onopen = () => options.onConnection("open");
  socket.onmessage = socket.onclose = receive;
  options.signal?.addEventListener("abort", receive);
  try {
    for (;;) {
      if (inbox.length === 0) await new Promise((resolve) => { wake = resolve; });
      for (const { type, data, code, reason } of inbox.splice(0)) {
        options.signal?.throwIfAborted();
        if (type === "message") yield data;
        else if (code === 1000) return;
        else throw failure(code === 1008 || (code >= 4400 && code < 4500), code, reason);
      }
    }
  } finally {
    options.signal?.removeEventListener("abort", receive);
    socket.close();
  }
}

async function* overFetch(root, path, { cursor, types, place }, { headers, signal, onConnection }) {
  const accept = { headers: { ...headers, Accept: "text/event-stream" }, signal };
  const response = await request(`${root}/${path}/events?${query({ after: cursor, ...place, types })}`, accept);
  if (response.status === 204) return;
  onConnection("open");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let rest = "", next; !(next = await reader.read()).done; ) {
      const blocks = (rest + next.value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) yield* block.match(/(?<=^data: ).*/gm) ?? [];
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already
  }
  throw new Error("the connection broke");
}

async function request(url, options) {
  const response = await fetch(url, options), { ok, status } = response;
  if (ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw failure(status < 500 && status !== 429, status, error?.message);
}

const keyed = ({ apiKey }) => (apiKey ? { Authorization: `Bearer ${apiKey}` } : {});
const query = (given) => new URLSearchParams(Object.entries(given).filter(([, value]) => value !== undefined && value !== null));
const failure = (final, code, why) => new (final ? StreamError : Error)(`${code}: ${why || "no reason given"}`);
