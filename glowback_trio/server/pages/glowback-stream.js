// A run's events in a browser: each once and in order, over as many connections as it takes.
//
//   import { streamRun } from "/glowback-stream.js";
//   for await (const event of streamRun(location.origin, runId)) console.log(event.payload);

const FIRST_DELAY_MS = 250, LONGEST_DELAY_MS = 5000, WEBSOCKET_ATTEMPTS = 3;
const ENDS = ["completed", "failed", "cancelled"];

/** What another attempt would not mend: a refusal, or events that are not the run's log. */
export class StreamError extends Error {}

/**
 * Yield a run's events, parsed, up to the terminal one, reconnecting until `signal` is aborted.
 *
 * after: only events with higher ids. types: only these, and the terminal one.
 * transport: "websocket", which becomes "sse" where it cannot get through at first, or "sse".
 * apiKey: for a WebSocket it is changed for a ticket, unless keyInUrl puts it into the URL.
 */
export async function* streamRun(baseUrl, runId, { transport = "websocket", ...options } = {}) {
  const { after = 0, types, signal } = options;
  let cursor = after, delay = FIRST_DELAY_MS, failures = 0;
  for (;;) {
    try {
      signal?.throwIfAborted();
      const connect = transport === "sse" ? overFetch : overWebSocket;
      for await (const text of connect(`${baseUrl}/v1`, `backtests/${runId}`, cursor, options)) {
        const event = JSON.parse(text);
        if (types ? event.event_id <= cursor : event.event_id !== cursor + 1)
          throw new StreamError(`event ${event.event_id} came after event ${cursor}`);
        [cursor, delay] = [event.event_id, FIRST_DELAY_MS];
        yield event;
        if (event.type === "state" && ENDS.includes(event.payload.state)) return;
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

async function* overWebSocket(root, run, cursor, { apiKey, keyInUrl = false, types, signal }) {
  const query = queryOf({ last_event_id: cursor, types, api_key: keyInUrl ? apiKey : undefined });
  const protocols = apiKey && !keyInUrl ? await ticketProtocols(root, apiKey, signal) : [];
  const socket = new WebSocket(`${root.replace(/^http/, "ws")}/${run}/stream?${query}`, protocols);
  const left = new AbortController();
  const messages = new ReadableStream({
    start(queue) {
      const fail = (why) => { socket.onmessage = null; queue.error(why); };
      socket.onmessage = ({ data }) => queue.enqueue(data);
      socket.onclose = ({ code, reason }) => {
        if (code === 1000) queue.close();
        else fail(failure(code === 1008 || (code >= 4400 && code < 4500), code, reason));
      };
      signal?.addEventListener("abort", () => fail(signal.reason), { signal: left.signal });
    },
  });
  try {
    yield* read(messages);
  } finally {
    left.abort();
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

async function* overFetch(root, run, cursor, { apiKey, types, signal }) {
  const headers = { Accept: "text/event-stream", ...authorization(apiKey) };
  const query = queryOf({ after: cursor, types });
  const response = await answerTo(fetch(`${root}/${run}/events?${query}`, { headers, signal }));
  if (response.status === 204) return;
  let rest = "";
  for await (const text of read(response.body.pipeThrough(new TextDecoderStream()))) {
    const frames = (rest + text).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) yield* frame.split("\n").filter(isData).map((line) => line.slice(6));
  }
  throw new Error("the connection broke");
}

async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (let next; !(next = await reader.read()).done; ) yield next.value;
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already
  }
}

async function ticketProtocols(root, apiKey, signal) {
  const asked = { method: "POST", headers: authorization(apiKey), signal };
  const { ticket } = await (await answerTo(fetch(`${root}/stream-tickets`, asked))).json();
  return ["glowback.v1", `ticket.${ticket}`];
}

async function answerTo(question) {
  const response = await question, { ok, status } = response;
  if (ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw failure(status < 500 && status !== 429, status, error?.message);
}

const failure = (final, code, why) => new (final ? StreamError : Error)(`${code}: ${why || "no reason given"}`);
const authorization = (apiKey) => (apiKey ? { Authorization: `Bearer ${apiKey}` } : {});
const queryOf = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
const isData = (line) => line.startsWith("data: ");
