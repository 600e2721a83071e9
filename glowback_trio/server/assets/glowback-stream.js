// A run's events in a browser: each once and in order, over as many connections as it takes.
//
//   import { streamRun } from "/glowback-stream.js";
//   for await (const event of streamRun(location.origin, runId)) console.log(event.payload);

const FIRST_DELAY_MS = 250, LONGEST_DELAY_MS = 5000, WEBSOCKET_ATTEMPTS = 3;

/** What another attempt would not mend: a refusal, or events that are not the run's log. */
export class StreamError extends Error {}

/**
 * Yield a run's events, parsed, up to the terminal one, reconnecting until `signal` is aborted.
 *
 * after: only events with higher ids. types: only these, and the terminal one. apiKey: goes into a header,
 * or buys a WebSocket its ticket. transport: "websocket", which becomes "sse" where it cannot get through.
 *
 * A log received from its first event on is held against the digest in its last one. Browsers can work that
 * out on https and on localhost only; elsewhere, as for parts of a log, what is checked is order and count.
 */
export async function* streamRun(base, runId, { after = 0, types, apiKey, signal, transport = "websocket" } = {}) {
  const headers = apiKey ? { Authorization: `Bearer ${apiKey}` } : {};
  const told = after === 0 && !types && globalThis.crypto?.subtle ? [] : null;
  let cursor = after, delay = FIRST_DELAY_MS, failures = 0;
  for (;;) {
    try {
      signal?.throwIfAborted();
      const connect = transport === "sse" ? overFetch : overWebSocket;
      for await (const text of connect(`${base}/v1`, `backtests/${runId}`, cursor, types, { headers, signal })) {
        const event = JSON.parse(text), { event_id: id, type, payload } = event;
        if (types ? id <= cursor : id !== cursor + 1) throw new StreamError(`event ${id} came after event ${cursor}`);
        const ended = type === "state" && ["completed", "failed", "cancelled"].includes(payload.state);
        if (ended) await checkEnd(event, told);
        told?.push(text);
        [cursor, delay] = [id, FIRST_DELAY_MS];
        yield event;
        if (ended) return;
      }
      if (after > 0 && cursor === after) return; // after the terminal event there is nothing
      throw new StreamError(`the stream ended after event ${cursor}, before the run did`);
    } catch (error) {
      if (error instanceof StreamError) throw error;
      signal?.throwIfAborted();
      if (cursor === after && ++failures >= WEBSOCKET_ATTEMPTS) transport = "sse";
    }
    await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)));
    delay = Math.min(2 * delay, LONGEST_DELAY_MS);
  }
}

async function checkEnd({ event_id: id, payload: { event_count: count, digest } }, told) {
  if (count !== id) throw new StreamError(`event ${id} ends a log of ${count} events`);
  if (told === null) return;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(told.join("\n")));
  const hex = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (digest !== `sha256:${hex}`) throw new StreamError(`the digest of what came is sha256:${hex}, not ${digest}`);
}

async function* overWebSocket(root, run, cursor, types, asked) {
  const keyed = "Authorization" in asked.headers; // which a browser sends with no WebSocket
  const ticket = keyed && (await (await ask(`${root}/stream-tickets`, { method: "POST", ...asked })).json()).ticket;
  const url = `${root.replace(/^http/, "ws")}/${run}/stream?${query({ last_event_id: cursor, types })}`;
  const socket = new WebSocket(url, ticket ? ["glowback.v1", `ticket.${ticket}`] : []);
  const heard = [];
  let wake = () => {};
  const hear = (happened) => { heard.push(happened); wake(); };
  socket.onmessage = socket.onclose = hear;
  asked.signal?.addEventListener("abort", hear);
  try {
    for (;;) {
      if (heard.length === 0) await new Promise((resolve) => { wake = resolve; });
      for (const { type, data, code, reason } of heard.splice(0)) {
        asked.signal?.throwIfAborted();
        if (type === "message") yield data;
        else if (code === 1000) return;
        else throw failure(code === 1008 || (code >= 4400 && code < 4500), code, reason);
      }
    }
  } finally {
    asked.signal?.removeEventListener("abort", hear);
    socket.close();
  }
}

async function* overFetch(root, run, cursor, types, { headers, signal }) {
  const accepting = { headers: { ...headers, Accept: "text/event-stream" }, signal };
  const response = await ask(`${root}/${run}/events?${query({ after: cursor, types })}`, accepting);
  if (response.status === 204) return;
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

async function ask(url, options) {
  const response = await fetch(url, options), { ok, status } = response;
  if (ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw failure(status < 500 && status !== 429, status, error?.message);
}

const query = ({ types, ...cursor }) => new URLSearchParams(types ? { ...cursor, types } : cursor);
const failure = (final, code, why) => new (final ? StreamError : Error)(`${code}: ${why || "no reason given"}`);
